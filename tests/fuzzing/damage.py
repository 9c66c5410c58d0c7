"""What can go wrong with a document on its way: with its values, at any depth, and then with its bytes."""

import copy
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st
from support.fleets import ODD_TEXT


class Twice(NamedTuple):
    """Two values for one key."""

    first: Any
    second: Any


class Raw(str):
    """Something that JSON has no value for, as it is written."""

    __slots__ = ()


_NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**64), 10**40, 10**400, 1e308, -0.0, 5e-324]),
)
_WRITTEN = st.sampled_from(
    [
        *map(Raw, ["1e999", "-1e999", "1e-999", "007", "1" * 5000, "[" * 3000, "[" * 3000 + "]" * 3000]),
        *map(Raw, ['"\\ud83d"', '"\\u0000\\u202e"', '"\\u005c\\u0022"']),
    ]
)
_TEXTS = st.one_of(
    ODD_TEXT,
    st.text(st.characters(categories=["Cs", "So", "Cc", "Ll"]), max_size=5),  # with halves of characters
    st.sampled_from(["0", "-1", "1e9", "true", "null", "2024-13-45", "9" * 40, "a" * 10_000, "[]"]),
)
_EMPTY: st.SearchStrategy[Any] = st.sampled_from([None, True, False, "", [], {}])
ODD_VALUES: st.SearchStrategy[Any] = st.recursive(
    _EMPTY | _NUMBERS | _TEXTS | _WRITTEN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def damaged(
    draw: st.DrawFn, documents: Sequence[Any], values: st.SearchStrategy[Any] = ODD_VALUES, most: int = 4
) -> Any:  # noqa: ANN401 - any document
    """Draw one of the documents, and alter, replace, drop, double, wrap or rename up to so many of its parts."""
    whole = [copy.deepcopy(draw(st.sampled_from(documents)))]
    for _ in range(draw(st.integers(0, most))):
        if not whole:
            return None
        _damage(draw, values, *draw(_place(whole)))
    return whole[0] if whole else None


@st.composite
def _place(draw: st.DrawFn, container: Any) -> tuple[Any, Any]:  # noqa: ANN401 - any document
    """Draw a part of a document, by what holds it and the key that it is held by; as often at the top as among rows."""
    while True:
        key = draw(st.sampled_from([*container] if isinstance(container, dict) else range(len(container))))
        part = container[key]
        if not (part and isinstance(part, dict | list) and draw(_DEEPER)):
            return container, key
        container = part


_DEEPER = st.sampled_from([True] * 6 + [False])


def _damage(draw: st.DrawFn, values: st.SearchStrategy[Any], container: Any, key: Any) -> None:  # noqa: ANN401 - of any
    match draw(st.sampled_from(["alter", "alter", "replace", "drop", "double", "wrap", "rename"])):
        case "alter" if isinstance(container[key], str):
            container[key] = draw(_altered(container[key]))
        case "alter" | "replace":
            container[key] = draw(values)
        case "drop":
            del container[key]
        case "double" if isinstance(container, list):
            container.insert(key, copy.deepcopy(container[key]))
        case "double":
            container[key] = Twice(container[key], draw(values))
        case "wrap":
            container[key] = draw(st.sampled_from([[container[key]], {"": container[key]}, [container[key]] * 2]))
        case "rename" if isinstance(container, dict):
            name = draw(_TEXTS | st.sampled_from(sorted(container)))
            container[name] = container.pop(key)


@st.composite
def _altered(draw: st.DrawFn, text: str) -> str:
    start = draw(st.integers(0, len(text)))
    rest = draw(st.sampled_from([text[start:], text[start + 1 :], text[:start], ""]))
    return text[:start] + draw(ODD_TEXT | st.sampled_from(["", *_MARKS])) + rest


_MARKS = [*"[](){}*+?|^$.,:;@/#%&=-_~0 \t\n\"'\\", "://", "..", "{99999999999}", "(?P<", "\u0663", "\ud83e", "9" * 20]


def written(value: Any) -> str:  # noqa: ANN401 - any document
    """Return a document as JSON, with keys that come twice, and with what is none."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        pairs = [(key, each) for key, part in value.items() for each in (part if isinstance(part, Twice) else [part])]
        return "{" + ", ".join(f"{written(key)}: {written(part)}" for key, part in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


_PIECES = (
    *(b'"', b"\\", b"\\u", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\t", b"  ", b"#", b"'"),
    *(b"`", b"{", b"}", b"[", b"]", b",", b":", b": ", b"- ", b"\n", b"\n---\n", b"...", b"&a ", b"*a", b"<<: *a"),
    *(b"!!python/object:os.system ", b"!!binary ", b"!!set ", b"|", b">", b"?", b"%", b"@", b"~", b"null", b"NaN"),
    *(b".nan", b"0x", b"1:30", b"1e5", b"-1", b"\xf0\x9f\xa6\x8a"),
)


@st.composite
def torn(draw: st.DrawFn, contents: st.SearchStrategy[bytes], most: int = 3) -> bytes:
    """Draw some bytes, and change, add, drop, repeat or cut off up to so many stretches of them."""
    content = bytearray(draw(contents))
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 40))
        match draw(st.sampled_from(["change", "add", "drop", "repeat", "cut"])):
            case "change":
                content[start : start + 1] = draw(st.binary(min_size=1, max_size=2))
            case "add":
                content[start:start] = draw(st.sampled_from(_PIECES) | st.binary(max_size=6))
            case "drop":
                del content[start:end]
            case "repeat":
                content[start:start] = content[start:end]
            case "cut":
                del content[start:]
    return bytes(content)
