"""Makes texts from outside safe to show in labels, the log, a terminal or a file."""

import re

# Control characters, line and paragraph separators, directional embeddings, overrides and isolates
# (UAX #9, section 2), lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text of one line that controls no terminal: each unsafe character is U+FFFD."""
    return text if text.isprintable() else _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def printable_lines(text: str) -> str:
    """Return the same of a text that may have several lines."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))
