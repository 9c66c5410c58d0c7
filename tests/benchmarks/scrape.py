"""What a scrape costs and what it keeps, side by side: nginx with the same bytes as a file is the limit."""

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.children import Child
from benchmarks.serving import NGINX, contenders
from benchmarks.tables import megabytes, progress, ratios, table

_REQUEST = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {}\r\n\r\n"
_LONG = 0.5  # seconds for which scrapes that are short are repeated, and averaged

Times = dict[str, dict[str, list[float]]]


async def measure(sizes: Sequence[int], runs: int, folder: Path) -> None:
    """Scrape each size so many times, from all in turn."""
    wall: Times = {}
    cpu: Times = {}
    kept: list[list[str]] = []
    names: list[str] = []
    for trunks in sizes:
        here = folder / str(trunks)
        here.mkdir()
        async with contenders(trunks, here) as served:
            for encoding in ("gzip", "identity"):
                row = f"{trunks:,} trunks, {encoding}"
                wall[row] = {name: [] for name in served}
                cpu[row] = {name: [] for name in served}
                for run in range(runs):
                    for name, (process, port) in served.items():
                        progress(f"{row}, run {run + 1} of {runs}: {name}")
                        seconds, used = _scrape(process, port, encoding)
                        wall[row][name].append(seconds)
                        cpu[row][name].append(used)
            kept.append([f"{trunks:,}", *(megabytes(process.memory()) for process, _ in served.values())])
            names = list(served)
    progress("")
    ratios("A scrape: wall time", "of", wall, NGINX)
    ratios("A scrape: the server's processor time", "of", cpu, NGINX)
    table("Memory of the server after the scrapes", ["trunks", *names], kept)


def _scrape(process: Child, port: int, encoding: str) -> tuple[float, float]:
    """Return the seconds and the seconds of processor time of a scrape."""
    client = _Client(port, _REQUEST.format(encoding).encode())
    client.fetch()
    used, began = process.cpu(), time.perf_counter()
    times: list[float] = []
    while not times or time.perf_counter() - began < _LONG:
        start = time.perf_counter()
        client.fetch()
        times.append(time.perf_counter() - start)
    client.close()
    return median(times), (process.cpu() - used) / len(times)


class _Client:
    """Asks again and again, on one connection where the server leaves it open, and looks at nothing but the length."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._buffer = bytearray(2**20)
        self._connection: socket.socket | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def fetch(self) -> None:
        """Ask, and read the answer to its end."""
        connection = self._connection or socket.create_connection(("127.0.0.1", self._port))
        self._connection = connection
        connection.sendall(self._request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head[8:12] == b" 200", head
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if length:
            self._read(connection, int(length) - len(body))
        else:
            self._read_chunks(connection, body[-5:])
        if head.startswith(b"HTTP/1.0"):
            self.close()

    def _read(self, connection: socket.socket, left: int) -> None:
        while left > 0:
            left -= connection.recv_into(self._buffer)

    def _read_chunks(self, connection: socket.socket, tail: bytes) -> None:
        while tail != b"0\r\n\r\n":
            count = connection.recv_into(self._buffer)
            tail = (tail + self._buffer[max(0, count - 5) : count])[-5:]
