"""Makes text from outside safe to be a label's value."""

import re

MAX_LENGTH = 128  # characters

# Control characters, line and paragraph separators, directional embeddings, overrides and isolates
# (UAX #9, section 2), lone surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def safe(text: str | None) -> str:
    """Return text with unsafe characters replaced by U+FFFD, cut at MAX_LENGTH; None is the empty text."""
    if text is None:
        return ""
    text = text[:MAX_LENGTH]
    return text if text.isprintable() else _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)
