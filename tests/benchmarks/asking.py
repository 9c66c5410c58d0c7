"""Asks a server for something, and costs next to nothing itself."""

import socket

_REQUEST = "GET {} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {}\r\n{}\r\n"


class Client:
    """Asks again and again, on one connection where the server leaves it open, and looks at nothing but the length."""

    def __init__(self, port: int, target: str, encoding: str, headers: str = "") -> None:
        self._port = port
        self._request = _REQUEST.format(target, encoding, headers).encode()
        self._buffer = bytearray(2**20)
        self._connection: socket.socket | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def fetch(self) -> int:
        """Ask, read the answer to its end, and return its length, 0 where the server does not say it."""
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
        return int(length or 0)

    def _read(self, connection: socket.socket, left: int) -> None:
        while left > 0:
            left -= connection.recv_into(self._buffer)

    def _read_chunks(self, connection: socket.socket, tail: bytes) -> None:
        while tail != b"0\r\n\r\n":
            count = connection.recv_into(self._buffer)
            tail = (tail + self._buffer[max(0, count - 5) : count])[-5:]
