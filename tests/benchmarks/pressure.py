"""Clients that a scrape has to share the server with; a process of its own, ended by the end of its input."""

import asyncio
import base64
import sys

PASSWORD = "right"


def authorization(password: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'bench:{password}'.encode()).decode()}\r\n"


def _request(path: str, password: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization(password)}\r\n".encode()


async def _connect(port: int, request: bytes) -> None:
    """Connect again and again, send something, and read until the server closes the connection."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            await reader.read(-1)
            writer.close()
        except OSError:
            await asyncio.sleep(0.1)


KINDS = {
    "500 idle connections": (500, b""),
    "200 wrong passwords": (200, _request("/metrics", "wrong")),
    "4 readers of the status page": (4, _request("/", PASSWORD)),
}


async def _main(port: int, kind: str) -> None:
    number, request = KINDS[kind]
    clients = [asyncio.create_task(_connect(port, request)) for _ in range(number)]
    await asyncio.to_thread(sys.stdin.read)
    for task in clients:
        task.cancel()
    await asyncio.wait(clients)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2]))
