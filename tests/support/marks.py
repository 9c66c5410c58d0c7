"""Secrets that can be found again wherever they turn up, whole or cut."""

import base64
import re

TOKEN = "zq1canary-api-token-51c0ffee"
PROXY_PASSWORD = "zq2canary-proxy-password"
PASSWORD = "zq3canary-basic-password"
KEY = "zq4canary-private"  # the name of a file
_MARK = re.compile(r"zq[1-9]canar.{0,40}", re.IGNORECASE)


def marks_in(text: str) -> list[str]:
    """Return what a text shows of secrets, as they are or in Base64 as HTTP sends them."""
    return [*_MARK.findall(text), *(code for code in _ENCODED if code in text)]


def _encodings(text: str) -> list[str]:
    """Return Base64 of the middle of a text, at whichever place of a longer text it stands."""
    return [base64.b64encode(text[start:][: len(text[start:]) // 3 * 3].encode()).decode() for start in range(3)]


_ENCODED = tuple(code[4:-4] for secret in (TOKEN, PROXY_PASSWORD, PASSWORD) for code in _encodings(secret))
