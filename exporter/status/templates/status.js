// Brings the page up to date without losing the visitor's place, and searches while they type.
"use strict";
(() => {
  const every = 5000;
  const form = document.querySelector("form");
  const note = document.getElementById("updated");
  let newest = 0;

  async function refresh(address) {
    const turn = ++newest;
    let text;
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
      text = await answer.text();
    } catch (error) {
      if (turn === newest) note.textContent = `Not up to date: the exporter does not answer (${error.message}).`;
      return;
    }
    if (turn !== newest) return; // a later request has overtaken this one
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const live of document.querySelectorAll("[data-live]")) replace(live, page.getElementById(live.id));
    note.textContent = page.getElementById("updated").textContent;
    document.title = page.title;
  }

  function replace(live, fresh) {
    for (const open of live.querySelectorAll("details[open]")) {
      const same = fresh.querySelector(`#${CSS.escape(open.id)}`);
      if (same) same.open = true;
    }
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    live.replaceChildren(...fresh.childNodes);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function search() {
    const asked = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...asked]) if (!value || form.elements[name].dataset.usual === value) asked.delete(name);
    const address = `?${asked}`;
    history.replaceState(null, "", address);
    return refresh(address);
  }

  let typing;
  form.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, 200);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    search();
  });
  setInterval(() => document.hidden || refresh(location.href), every);
  document.addEventListener("visibilitychange", () => document.hidden || refresh(location.href));
})();
