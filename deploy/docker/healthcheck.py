"""Asks the exporter in this container whether it is healthy: exits 0 if it is, 1 if not, and says why.

It asks where MIHU_WEB_LISTEN_ADDRESS says that the exporter listens: move the port by that variable, not by the flag.
"""
# ruff: noqa: INP001 - a script, not a package

import http.client
import os
import sys

from exporter.web.listening import parse_listen_address

_TIMEOUT = 3.0  # seconds; less than the image's own
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked for, not listened on


def main() -> int:
    """Ask once."""
    first, *_ = os.environ.get("MIHU_WEB_LISTEN_ADDRESS", "").split() or [":10155"]
    address = parse_listen_address(first)
    connection = http.client.HTTPConnection(_LOOPBACK.get(address.host, address.host), address.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        sys.stdout.write(f"{address} does not answer: {error}\n")
        return 1
    sys.stdout.write(f"{answer.status} {body}\n")
    return int(answer.status != http.HTTPStatus.OK)


if __name__ == "__main__":
    sys.exit(main())
