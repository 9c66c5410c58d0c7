"""Makes texts from outside safe for labels, the log, terminals and files."""

import re

# Control characters, line and paragraph separators, directional embeddings, overrides and isolates
# (UAX #9, section 2), lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text of one line; each character that could control a terminal becomes U+FFFD."""
    return text if text.isprintable() else _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def printable_lines(text: str) -> str:
    """Return a text of several lines, each of them printable."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))
