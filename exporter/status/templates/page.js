// Brings the page up to date without losing the visitor's place, searches while they type, and copies.
"use strict";
(() => {
  const form = document.querySelector("form[role=search]");
  const lists = form && document.getElementById("list");
  const banner = document.getElementById("unreachable");
  const updated = document.getElementById("updated");
  let newest = 0;

  async function refresh(address) {
    const turn = ++newest;
    let page;
    const waiting = new AbortController();
    const patience = setTimeout(() => waiting.abort(new Error("no answer within 30 s")), 30000);
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin", signal: waiting.signal });
      if (!answer.ok && answer.status !== 404) throw new Error(`${answer.status} ${answer.statusText}`.trim());
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A proxy may say that nothing is there, or ask for a password.
      if (!page.getElementById("unreachable")) throw new Error("another page answers in its place");
    } catch (error) {
      if (turn !== newest) return;
      const text = `This page cannot reach the exporter (${error.message}). ${updated ? `What you see is old: ${updated.textContent.toLowerCase()}` : ""}`;
      if (banner.textContent !== text) banner.textContent = text; // else it would be read out again
      banner.hidden = false;
      return;
    } finally {
      clearTimeout(patience);
    }
    if (turn !== newest) return; // a later request has overtaken this one
    banner.hidden = true;
    for (const live of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(live.id);
      if (fresh) replace(live, fresh);
    }
    if (updated) updated.textContent = page.getElementById("updated").textContent;
    document.title = page.title;
    showCopying();
  }

  function replace(live, fresh) {
    for (const open of live.querySelectorAll("details[open]")) {
      const same = fresh.querySelector(`#${CSS.escape(open.id)}`);
      if (same) same.open = true;
    }
    if (live.innerHTML === fresh.innerHTML) return;
    const focused = live.contains(document.activeElement) ? document.activeElement : null;
    const again = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.href ? `a[href="${CSS.escape(focused.getAttribute("href"))}"]` : focused.dataset.copy ? `[data-copy="${CSS.escape(focused.dataset.copy)}"]` : "");
    live.replaceChildren(...fresh.childNodes);
    if (again) {
      showCopying();
      live.querySelector(again)?.focus({ preventScroll: true });
    }
  }

  // Buttons do nothing without this script, and so are hidden until it runs.
  function showCopying() {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  }

  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.createElement("textarea"); // without TLS there is no clipboard
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });

  async function search() {
    const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const address = `${form.getAttribute("action")}?${asked}`;
    history.replaceState(null, "", address);
    await refresh(address);
    // Those who do not see the list change hear how much was found.
    document.getElementById("found").textContent = lists.querySelector("caption, p").textContent;
  }
  let typing;
  if (lists) {
    form.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(search, 250);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(typing);
      search();
    });
  }

  // A page that takes long to make is asked for less often.
  async function look() {
    const started = performance.now();
    if (!document.hidden) await refresh(location.href);
    setTimeout(look, Math.min(60000, Math.max(5000, 20 * (performance.now() - started))));
  }
  showCopying();
  setTimeout(look, 5000);
  document.addEventListener("visibilitychange", () => document.hidden || refresh(location.href));
})();
