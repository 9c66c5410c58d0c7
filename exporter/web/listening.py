"""Listening sockets, from addresses as Prometheus writes them."""

import os
import re
import socket
from typing import NamedTuple

_ADDRESS = re.compile(r"(\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^:\[\]\s/]*)):(?P<port>[0-9]{1,5})")
_MAX_PORT = 65535
_BACKLOG = 512
_ANYWHERE = {"::", "0.0.0.0"}  # noqa: S104 - compared with, not listened on


class ListenAddress(NamedTuple):
    """A host, empty for every interface, and a port, 0 for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ListenError(Exception):
    """Listening failed; the message has the address and the reason."""


def parse_listen_address(text: str) -> ListenAddress:
    if (match := _ADDRESS.fullmatch(text.strip())) is None or int(match["port"]) > _MAX_PORT:
        raise ValueError(f"{text!r} is not an address to listen on; write :PORT, HOST:PORT or [IPV6]:PORT")
    return ListenAddress(match["v6"] or match["host"] or "", int(match["port"]))


def cannot_listen(address: ListenAddress, error: OSError | UnicodeError) -> ListenError:
    if isinstance(error, UnicodeError):
        reason = "this is not a valid host name"
    elif error.errno is None or isinstance(error, socket.gaierror):
        reason = error.strerror or str(error)
    else:
        reason = os.strerror(error.errno)  # to strerror Python has added the address in a form of its own
    return ListenError(f"cannot listen on {address} ({reason}); stop what uses it, or choose another address")


def listen(address: ListenAddress) -> socket.socket:
    """Open a listening socket, or raise ListenError; an empty host listens on every interface, IPv6 and IPv4."""
    try:
        listener = _open(address)
    except (OSError, UnicodeError) as error:
        raise cannot_listen(address, error) from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    # asyncio sets this only on sockets made with an explicit protocol; without it, an answer in two writes waits
    # for the client's delayed acknowledgement, some 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _open(address: ListenAddress) -> socket.socket:
    if address.host in {"", "::"} and socket.has_dualstack_ipv6():  # exporters in Go open [::] for IPv4, too
        return socket.create_server(("", address.port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    if address.host:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, where = min(found, key=lambda one: one[0] != socket.AF_INET)  # IPv4 first, as in Go
        return socket.create_server(where, family=family, backlog=_BACKLOG)  # with the zone of a link-local address
    return socket.create_server(("", address.port), backlog=_BACKLOG)


def url(listener: socket.socket, scheme: str = "http") -> str:
    """Return the URL of a listener for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{ListenAddress('localhost' if host in _ANYWHERE else host, port)}"
