"""Whatever hangs or runs out, probes and scrapes are answered, and SIGTERM ends it within 5 seconds with status 0."""

import asyncio
import fcntl
import os
import re
import signal
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.certificates import Authority
from support.files import no_file_left, write_yaml
from support.polling import Bench, Listing
from support.processes import RunningExporter, by_shell, eventually, running_exporter
from support.stored import only_file
from support.streams import listening
from support.trunks import row

from exporter.config.credentials import Authorization

PROMISED = 5.0  # seconds in which a signal ends the exporter
MOST_FILES = 128
WORKSPACES = 150
AT_ONCE = 3.0  # seconds; the exporter itself gives up files after five


class Site:
    """An exporter that is started as a test has it, and ended with the block."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.flags: list[str] = []

    def polls(self, **workspace: Any) -> None:  # noqa: ANN401 - any setting of a workspace
        """Have it poll a workspace every second, whose token is in a file."""
        (self.folder / "token").write_text("token", encoding="utf-8")
        polled = {"name": "acme", "authorization": {"credentials_file": "token"}, **workspace}
        document = {"global": {"poll_interval": "1s"}, "workspaces": [polled]}
        self.flags += ["--config.file", str(write_yaml(self.folder / "config.yaml", document))]

    async def start(self, **options: Any) -> RunningExporter:  # noqa: ANN401 - of a running exporter
        running = running_exporter(self.folder, "--log.level", "debug", *self.flags, **options)
        return await self.stack.enter_async_context(running)

    def replace_by_pipe(self, file: Path) -> None:
        """Put a pipe in the place of a file: who reads it waits for what never comes."""
        file.unlink()
        os.mkfifo(file)

    async def is_read(self, file: Path) -> None:
        async def is_open() -> bool:
            try:
                end = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # by nobody
                return False
            self.stack.callback(os.close, end)
            return True

        await eventually(is_open, f"{file} is read")


Hang = Callable[[Site], Awaitable[RunningExporter]]


def output(stream: str) -> Hang:
    """Return what writes into a pipe that nobody reads and that takes nothing more."""

    async def hang(site: Site) -> RunningExporter:
        ends = os.pipe()
        for end in ends:
            site.stack.callback(os.close, end)
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
        os.write(ends[1], bytes(4096))
        site.flags += ["--demo"]
        return await site.start(streams={stream: ends[1]})

    return hang


def file(name: str, *, reloads: bool = False) -> Hang:
    """Return what reads a token, an authority and both configurations from files, one of which hangs from then on."""

    async def hang(site: Site) -> RunningExporter:
        Authority(site.folder, "authority")
        site.polls(base_url="https://127.0.0.1:1", tls_config={"ca_file": "authority.pem"})
        site.flags += ["--web.config.file", str(write_yaml(site.folder / "web.yaml", {"http_server_config": {}}))]
        exporter = await site.start()
        site.replace_by_pipe(site.folder / name)
        if reloads:
            exporter.program.process.send_signal(signal.SIGHUP)
        await site.is_read(site.folder / name)
        return exporter

    return hang


async def stored_file(site: Site) -> RunningExporter:
    bench = Bench(Listing([row()]), folder=site.folder / "storage")
    await bench.poll()
    assert bench.storage is not None
    await bench.storage.end()
    stored = only_file(site.folder / "storage")
    site.replace_by_pipe(stored)
    site.polls(base_url="http://127.0.0.1:1")
    site.flags += ["--storage.path", str(site.folder / "storage")]
    exporter = await site.start()
    await site.is_read(stored)
    return exporter


async def certificate_of_the_exporter(site: Site) -> RunningExporter:
    authority = Authority(site.folder, "authority")
    certificate, key = authority.sign("server")
    web = {"tls_server_config": {"cert_file": str(certificate), "key_file": str(key)}}
    site.flags += ["--demo", "--web.config.file", str(write_yaml(site.folder / "web.yaml", web))]
    context = ssl.create_default_context(cafile=authority.certificate)
    exporter = await site.start(context=context)
    site.replace_by_pipe(certificate)
    url = httpx.URL(exporter.url)
    another = asyncio.create_task(asyncio.open_connection(url.host, url.port, ssl=context))
    site.stack.callback(another.cancel)
    await site.is_read(certificate)
    return exporter


def server(**workspace: str) -> Hang:
    """Return what polls a workspace whose API or proxy never answers at its port."""

    async def hang(site: Site) -> RunningExporter:
        met = asyncio.Event()

        async def take(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read(1)
            met.set()
            await asyncio.Event().wait()

        port = (await site.stack.enter_async_context(listening(take))).port
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


# Names that do not resolve are in tests/test_event_loop.py; expressions cannot hang since RE2 matches them. At the end
# the exporter waits for nothing: for no thread, and for no event loop to be closed.
HANGS: dict[str, Hang] = {
    "log": output("stderr"),
    "standard output": output("stdout"),
    "configuration in a reload": file("config.yaml", reloads=True),
    "web configuration in a reload": file("web.yaml", reloads=True),
    "certificate authority in a reload": file("authority.pem", reloads=True),
    "stored file": stored_file,
    "certificate authority": file("authority.pem"),
    "certificate of the exporter": certificate_of_the_exporter,
    "token": file("token"),
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


async def test_scrapes_are_answered_while_more_workspaces_hang_than_files_may_be_open(tmp_path: Path) -> None:
    async def take(*_: object) -> None:
        await asyncio.Event().wait()

    async with listening(take) as api:
        workspaces = [{"name": f"{n}", "base_url": f"http://127.0.0.1:{api.port}/{n}"} for n in range(WORKSPACES)]
        shared = {"request_timeout": "1s", "authorization": {"credentials": "token"}}
        config = write_yaml(tmp_path / "config.yaml", {"global": shared, "workspaces": workspaces})
        flags, before = ("--config.file", str(config)), by_shell(f'ulimit -n {MOST_FILES}; exec "$@"')
        async with running_exporter(tmp_path, *flags, before=before) as exporter:
            failed = 0
            while failed < MOST_FILES // 4:
                scrapes = (exporter.http.get("/metrics", headers={"Connection": "close"}) for _ in range(20))
                answers = [answer.text for answer in await asyncio.gather(*scrapes)]
                assert all("\nprocess_open_fds " in answer for answer in answers)
                failures = re.findall(r'^mihu_api_requests_total\{.*code="error"\} (\d+)', answers[0], re.MULTILINE)
                failed = sum(map(int, failures))
            assert "cannot accept" not in exporter.program.said()
            assert "Too many open files" not in exporter.program.said()


async def test_a_token_that_cannot_be_read_for_want_of_files_is_a_failed_connection(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("12|token", encoding="utf-8")
    bench = Bench(Listing([]), credentials=Authorization(credentials_file=tmp_path / "token"))
    with no_file_left():
        await bench.poller.poll()
    assert bench.failures() == {"connection": 1}
    (ended,) = bench.poller.snapshot.polls.recent
    assert ended.failure is not None
    assert ended.failure.message == (
        f"no token: cannot read {tmp_path}/token (Too many open files); "
        "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n"
    )
