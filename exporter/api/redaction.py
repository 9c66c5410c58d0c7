"""Strikes secrets out of what servers and proxies say, should they repeat what they were sent."""

import base64
from collections.abc import Iterator

import httpx

from exporter.api.errors import ApiError
from exporter.config.credentials import Secret
from exporter.config.settings import Proxy

_TELLING = 8  # characters of a secret that are too many to show


def redact(fault: ApiError, token: Secret, proxy: Proxy) -> ApiError:
    """Strike the token out of a fault, and what logs in to the proxy, and return it."""
    for secret in (token.reveal, *_logins(proxy)):
        whole = len(secret)
        # What a server says is cut at some length, and the secret may be where it is cut.
        for length in range(whole, min(whole, _TELLING) - 1, -1):
            fault.seen = fault.seen.replace(secret[:length], str(token))
    return fault


def _logins(proxy: Proxy) -> Iterator[str]:
    """Yield the proxy's password, as it is and as HTTP sends it."""
    url = httpx.URL(proxy.url or "")
    if url.password:
        yield base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        yield url.password
