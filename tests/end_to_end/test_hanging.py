"""Whatever hangs, probes and scrapes are answered, and SIGTERM ends the exporter within 5 seconds with status 0."""

import asyncio
import fcntl
import json
import os
import signal
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.certificates import Authority
from support.polling import Bench, Listing
from support.processes import RunningExporter, eventually, running_exporter
from support.stored import only_file
from support.trunks import row

PROMISED = 5.0  # seconds in which a signal ends the exporter
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

    async def start(self, context: ssl.SSLContext | None = None, **streams: int) -> RunningExporter:
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

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.stack.callback(writer.close)
            await reader.read(1)
            met.set()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        self.stack.callback(server.close)
        return server.sockets[0].getsockname()[1], met

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


async def log(site: Site) -> RunningExporter:
    site.flags += ["--demo"]
    return await site.start(stderr=site.full_pipe())


async def standard_output(site: Site) -> RunningExporter:
    site.flags += ["--demo"]
    return await site.start(stdout=site.full_pipe())


async def configuration_in_a_reload(site: Site) -> RunningExporter:
    site.polls(base_url=NOBODY)
    return await reloaded(site, "config.yaml")


async def web_configuration_in_a_reload(site: Site) -> RunningExporter:
    site.polls(base_url=NOBODY)
    site.flags += ["--web.config.file", str(site.write("web.yaml", {"http_server_config": {}}))]
    return await reloaded(site, "web.yaml")


async def certificate_authority_in_a_reload(site: Site) -> RunningExporter:
    authority = Authority(site.folder, "authority").certificate
    site.polls(base_url="https://127.0.0.1:1", tls_config={"ca_file": str(authority)})
    return await reloaded(site, authority.name)


async def reloaded(site: Site, hangs: str) -> RunningExporter:
    exporter = await site.start()
    site.replace_by_pipe(hangs)
    exporter.program.process.send_signal(signal.SIGHUP)
    await site.is_read(hangs)
    return exporter


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


async def token(site: Site) -> RunningExporter:
    site.polls(base_url=NOBODY)
    exporter = await site.start()
    site.replace_by_pipe("token")
    await site.is_read("token")
    return exporter


async def certificate_authority(site: Site) -> RunningExporter:
    authority = Authority(site.folder, "authority").certificate
    site.polls(base_url="https://127.0.0.1:1", tls_config={"ca_file": str(authority)})
    exporter = await site.start()
    site.replace_by_pipe(authority.name)
    await site.is_read(authority.name)
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
    await site.is_read(certificate.name)
    _, writer = await another
    site.stack.callback(writer.close)
    return exporter


async def api(site: Site) -> RunningExporter:
    port, met = await site.listens()
    site.polls(base_url=f"http://127.0.0.1:{port}")
    return await after(met, site)


async def api_s_tls(site: Site) -> RunningExporter:
    port, met = await site.listens()
    site.polls(base_url=f"https://127.0.0.1:{port}")
    return await after(met, site)


async def proxy(site: Site) -> RunningExporter:
    port, met = await site.listens()
    site.polls(subdomain="acme", proxy_url=f"http://127.0.0.1:{port}")
    return await after(met, site)


async def after(met: asyncio.Event, site: Site) -> RunningExporter:
    exporter = await site.start()
    await met.wait()
    return exporter


async def client_that_sends_nothing(site: Site) -> RunningExporter:
    site.flags += ["--demo"]
    exporter = await site.start()
    url = httpx.URL(exporter.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    site.stack.callback(writer.close)
    writer.write(b"GET /metr")
    return exporter


async def client_that_reads_nothing(site: Site) -> RunningExporter:
    site.flags += ["--demo"]
    exporter = await site.start()
    url = httpx.URL(exporter.url)
    _, writer = await asyncio.open_connection(url.host, url.port, limit=1)
    site.stack.callback(writer.close)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: exporter\r\n\r\n" * 8)
    return exporter


# Names that do not resolve are in tests/test_names.py; expressions cannot hang since RE2 matches them. Nothing else
# waits for others in the event loop (test_blocking.py), nor at the end: no thread is waited for, no event loop closed.
HANGS: list[Callable[[Site], Awaitable[RunningExporter]]] = [
    log,
    standard_output,
    configuration_in_a_reload,
    web_configuration_in_a_reload,
    certificate_authority_in_a_reload,
    stored_file,
    certificate_authority,
    certificate_of_the_exporter,
    token,
    api,
    api_s_tls,
    proxy,
    client_that_sends_nothing,
    client_that_reads_nothing,
]


@pytest.mark.parametrize("hang", HANGS, ids=lambda hang: hang.__name__.replace("_", " "))
async def test_what_hangs_stops_nothing_else(
    tmp_path: Path, hang: Callable[[Site], Awaitable[RunningExporter]]
) -> None:
    async with AsyncExitStack() as stack:
        exporter = await hang(Site(tmp_path, stack))
        for path in ("/-/healthy", "/metrics"):
            assert (await exporter.http.get(path)).status_code == httpx.codes.OK
        exporter.program.process.terminate()
        assert await asyncio.wait_for(exporter.program.process.wait(), PROMISED) == 0
