"""What configuration files may hold: every key that there is, damaged."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from fuzzing.damage import ODD_VALUES, Raw, damaged, torn, written
from hypothesis import strategies as st

Files = Mapping[str, bytes]

CONFIG, WEB = "config.yaml", "web.yaml"
_MORE = "workspaces.d/more.yaml"
_DOCUMENTS: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_YAML = (
    # Scalars.
    *("2024-13-45", "2024-01-01", "1:30", "0o17", "0x1f", ".nan", "-.inf", "1_000", "0x" + "f" * 5000, "~", "yes"),
    *("{a}", "[a, b]", "{a: {b: }}"),
    # References and keys.
    *("&a [*a]", "&a {b: *a}", "*b", "{<<: {name: b}}", "{<<: 7}", "{? [a] : b}", "{1: a, null: b, 2024-01-01: c}"),
    # Tags and quotes.
    *("!!set {a, b}", "!!binary aGk=", "!!omap [a: b]", "!!python/object:os.system x", "!a b", "|\n  text\n "),
    *("'\t'", '"\\ud83d"'),
)
_TEXTS = (
    # Patterns.
    *("a{99999999999}", "(a+)+b", "(?=a)", r"\C", "${A}", "~/a", "(" * 2000 + ")" * 2000, "(?i", "[a", "*"),
    *("(?P<a>b)(?P=a)", "\\u0663+", "\ud83d"),
    # Addresses.
    *("https://[", "https://a:99999", "https://a:0", "http://a", "https://\u00e9.example", "https://a..b"),
    *("https://xn--a", "xn--", "010.0.0.1", "fd00::/8", "[::1]:80"),
    # Durations and the rest.
    *("1h1h", "0s", "9" * 20 + "y", "\u0663s", "1.5h", "292y1ms", "call", "auto", "../..", "/", "a\0b", "~", "*"),
    *("**",),
)
_VALUES = ODD_VALUES | st.sampled_from(_YAML).map(Raw) | st.sampled_from(_TEXTS)
_EXAMPLE = (Path(__file__).parents[2] / "config.yaml").read_bytes()


def _text(document: object) -> bytes:
    try:
        return yaml.safe_dump(document).encode()
    except yaml.representer.RepresenterError:
        return written(document).encode("utf-8", "surrogatepass")


def _damaged(name: str) -> st.SearchStrategy[bytes]:
    good = yaml.safe_dump(_DOCUMENTS[name]).encode()
    values = damaged([_DOCUMENTS[name]], _VALUES, most=2).map(_text)
    return values | torn(st.sampled_from([good, _EXAMPLE] if name == CONFIG else [good]), most=2)


def _with(name: str, beside: Sequence[str]) -> st.SearchStrategy[Files]:
    good = {other: yaml.safe_dump(_DOCUMENTS[other]).encode() for other in beside}
    return _damaged(name).map(lambda content: {name: content, **good})


FILES: st.SearchStrategy[Files] = _with(CONFIG, [_MORE]) | _with(_MORE, [CONFIG])
WEB_FILES: st.SearchStrategy[Files] = _with(WEB, [])
