"""Whatever hangs, probes and scrapes are answered, and SIGTERM ends the exporter within 5 seconds with status 0."""

import asyncio
import fcntl
import json
import os
import signal
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.certificates import Authority
from support.polling import Bench, Listing
from support.processes import RunningExporter, eventually, running_exporter
from support.stored import only_file
from support.streams import listening
from support.trunks import row

PROMISED = 5.0  # seconds in which a signal ends the exporter
AT_ONCE = 3.0  # seconds; the exporter itself gives up files after five
NOBODY = "http://127.0.0.1:1"  # where an API refuses connections


class Site:
    """An exporter that is started as a test has it, and ended with the block."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.flags: list[str] = []

    def write(self, name: str, content: object) -> Path:
        file = self.folder / name
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return file

    def polls(self, **workspace: Any) -> None:  # noqa: ANN401 - any setting of a workspace
        """Have it poll a workspace every second, whose token is in a file."""
        token = {"credentials_file": str(self.write("token", "token"))}
        document = {
            "global": {"poll_interval": "1s"},
            "workspaces": [{"name": "acme", "authorization": token, **workspace}],
        }
        self.flags += ["--config.file", str(self.write("config.yaml", document))]

    async def start(
        self, context: ssl.SSLContext | None = None, streams: Mapping[str, int] | None = None
    ) -> RunningExporter:
        running = running_exporter(self.folder, "--log.level", "debug", *self.flags, context=context, streams=streams)
        return await self.stack.enter_async_context(running)

    def replace_by_pipe(self, name: str) -> None:
        """Put a pipe in the place of a file: who reads it waits for what never comes."""
        (self.folder / name).unlink()
        os.mkfifo(self.folder / name)

    async def is_read(self, name: str) -> None:
        async def is_open() -> bool:
            try:
                end = os.open(self.folder / name, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # by nobody
                return False
            self.stack.callback(os.close, end)
            return True

        await eventually(is_open, f"{name} is read")

    async def listens(self) -> tuple[int, asyncio.Event]:
        """Return the port of a server that never answers, and an event: something was sent to it."""
        met = asyncio.Event()

        async def take(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read(1)
            met.set()
            await asyncio.Event().wait()

        server = await self.stack.enter_async_context(listening(take))
        return server.port, met

    def full_pipe(self) -> int:
        """Return the end to write of a pipe that nobody reads and that takes nothing more."""
        ends = os.pipe()
        for end in ends:
            self.stack.callback(os.close, end)
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(ends[1], False)
        try:
            while True:
                os.write(ends[1], bytes(4096))
        except BlockingIOError:
            os.set_blocking(ends[1], True)
        return ends[1]


Hang = Callable[[Site], Awaitable[RunningExporter]]


def output(stream: str) -> Hang:
    async def hang(site: Site) -> RunningExporter:
        site.flags += ["--demo"]
        return await site.start(streams={stream: site.full_pipe()})

    return hang


async def with_files(site: Site) -> RunningExporter:
    """Start one that reads a token, an authority and both configurations from files."""
    authority = Authority(site.folder, "authority").certificate
    site.polls(base_url="https://127.0.0.1:1", tls_config={"ca_file": str(authority)})
    site.flags += ["--web.config.file", str(site.write("web.yaml", {"http_server_config": {}}))]
    return await site.start()


def file_of_a_poll(name: str) -> Hang:
    async def hang(site: Site) -> RunningExporter:
        exporter = await with_files(site)
        site.replace_by_pipe(name)
        await site.is_read(name)
        return exporter

    return hang


def file_of_a_reload(name: str) -> Hang:
    async def hang(site: Site) -> RunningExporter:
        exporter = await with_files(site)
        site.replace_by_pipe(name)
        exporter.program.process.send_signal(signal.SIGHUP)
        await site.is_read(name)
        return exporter

    return hang


async def stored_file(site: Site) -> RunningExporter:
    bench = Bench(Listing([row()]), folder=site.folder / "storage")
    await bench.poll()
    name = only_file(site.folder / "storage").relative_to(site.folder)
    assert bench.storage is not None
    await bench.storage.end()
    site.replace_by_pipe(str(name))
    site.polls(base_url=NOBODY)
    site.flags += ["--storage.path", str(site.folder / "storage")]
    exporter = await site.start()
    await site.is_read(str(name))
    return exporter


async def certificate_of_the_exporter(site: Site) -> RunningExporter:
    authority = Authority(site.folder, "authority")
    certificate, key = authority.sign("server")
    web = {"tls_server_config": {"cert_file": str(certificate), "key_file": str(key)}}
    site.flags += ["--demo", "--web.config.file", str(site.write("web.yaml", web))]
    context = ssl.create_default_context(cafile=authority.certificate)
    exporter = await site.start(context)
    site.replace_by_pipe(certificate.name)
    url = httpx.URL(exporter.url)
    another = asyncio.create_task(asyncio.open_connection(url.host, url.port, ssl=context))
    site.stack.callback(another.cancel)
    await site.is_read(certificate.name)
    return exporter


def server(**workspace: str) -> Hang:
    """Return what polls a workspace whose API or proxy never answers at its port."""

    async def hang(site: Site) -> RunningExporter:
        port, met = await site.listens()
        site.polls(**{key: value.format(port=port) for key, value in workspace.items()})
        exporter = await site.start()
        await met.wait()
        return exporter

    return hang


def client(sent: bytes) -> Hang:
    """Return what is asked by a client that neither sends more nor reads."""

    async def hang(site: Site) -> RunningExporter:
        site.flags += ["--demo"]
        exporter = await site.start()
        url = httpx.URL(exporter.url)
        _, writer = await asyncio.open_connection(url.host, url.port, limit=1)
        site.stack.callback(writer.close)
        writer.write(sent)
        return exporter

    return hang


# Names that do not resolve are in tests/test_names.py; expressions cannot hang since RE2 matches them. At the end the
# exporter waits for nothing: for no thread, and for no event loop to be closed.
HANGS: dict[str, Hang] = {
    "log": output("stderr"),
    "standard output": output("stdout"),
    "configuration in a reload": file_of_a_reload("config.yaml"),
    "web configuration in a reload": file_of_a_reload("web.yaml"),
    "certificate authority in a reload": file_of_a_reload("authority.pem"),
    "stored file": stored_file,
    "certificate authority": file_of_a_poll("authority.pem"),
    "certificate of the exporter": certificate_of_the_exporter,
    "token": file_of_a_poll("token"),
    "api": server(base_url="http://127.0.0.1:{port}"),
    "the api's TLS": server(base_url="https://127.0.0.1:{port}"),
    "proxy": server(subdomain="acme", proxy_url="http://127.0.0.1:{port}"),
    "client that sends nothing": client(b"GET /metr"),
    "client that reads nothing": client(b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n" * 8),
}


@pytest.mark.parametrize("hang", HANGS.values(), ids=HANGS)
async def test_what_hangs_stops_nothing_else(tmp_path: Path, hang: Hang) -> None:
    async with AsyncExitStack() as stack:
        exporter = await hang(Site(tmp_path, stack))
        for path in ("/-/healthy", "/metrics"):
            assert (await exporter.http.get(path, timeout=AT_ONCE)).status_code == httpx.codes.OK
        exporter.program.process.terminate()
        assert await asyncio.wait_for(exporter.program.process.wait(), PROMISED) == 0
