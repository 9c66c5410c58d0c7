"""Flags of the web server, and addresses to listen on, as they are written and as they are opened."""

import socket
from collections.abc import Sequence
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import click
import pytest

from exporter.cli import main, web_settings
from exporter.clock import Clock
from exporter.config.settings import ValidatedConfig
from exporter.status.endpoints import StatusPages
from exporter.web.listening import ListenAddress, ListenError, listen, parse_listen_address, url
from exporter.web.settings import WebSettings

PAGES = StatusPages(list, lambda: ValidatedConfig(workspaces=()), Clock(), "metrics")


def made_of(*flags: str) -> WebSettings:
    return web_settings(main.make_context("mihu-trunk-exporter", [*flags]).params)


@pytest.mark.parametrize(
    ("flags", "made"),
    [
        (["--web.config.file", "", "--web.external-url", ""], "/metrics "),
        (["--web.external-url", "https://ops/mihu", "--web.route-prefix", ""], "/mihu/metrics https://ops/mihu"),
        (["--web.telemetry-path", "/probe"], "/probe None"),
        (["--web.route-prefix", "ops/mihu/"], "/ops/mihu/metrics None"),
        (["--web.route-prefix", "/"], "/metrics None"),
        (["--web.external-url", "https://ops.example.com/mihu/"], "/mihu/metrics https://ops.example.com/mihu"),
        (["--web.external-url", "https://ops//m%C3%BC/x"], "/mü/x/metrics https://ops//m%C3%BC/x"),
        (["--web.external-url", "https://ops:8443/mihu", "--web.route-prefix", "/"], "/metrics https://ops:8443/mihu"),
    ],
)
def test_paths(flags: list[str], made: str) -> None:
    web = made_of(*flags)
    assert (f"{web.metrics_path} {web.external_url}", web.config_file) == (made, None)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        *(("--web.external-url", url) for url in ("ops.internal", "https://a/?a=b", "https://a:99999/", "https://a:b")),
        *(("--web.external-url", f"https://{rest}") for rest in ("ops/{x:y}", "ops/a b", "ops/a%20b", "me:s3cr3t@ops")),
        *(("--web.route-prefix", path) for path in ("/a b", "/a%20b")),
        *(("--web.telemetry-path", path) for path in ("metrics", "/-/healthy", "/sd", "/a%20b", *PAGES.endpoints())),
        ("--web.listen-address", "10155"),
    ],
)
def test_invalid_values_are_refused(flag: str, value: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        made_of(flag, value)
    assert f"Invalid value for '{flag}'" in refused.value.format_message()
    assert repr(value.replace("me:s3cr3t", "<secret>")) in refused.value.format_message()


ADDRESSES = {
    ":10155": ("", 10155),
    "localhost:65535": ("localhost", 65535),
    "0.0.0.0:10155": ("0.0.0.0", 10155),  # noqa: S104 - a text
    "[::1]:10155": ("::1", 10155),
    "[::]:10155": ("::", 10155),
    "[fe80::1%eth0]:10155": ("fe80::1%eth0", 10155),
    " :10155\n": ("", 10155),
}


@pytest.mark.parametrize(("text", "address"), ADDRESSES.items(), ids=map(repr, ADDRESSES))
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_listen_address(text) == ListenAddress(*address)


def test_invalid_addresses_are_refused() -> None:
    texts = "localhost :-1 :65536 ::1:1 [::1] http://localhost:1 localhost:1/metrics :١٢٣"
    for text in ("", *texts.split()):
        with pytest.raises(ValueError, match="is not an address") as error:
            parse_listen_address(text)
        assert str(error.value) == f"{text!r} is not an address to listen on; write :PORT, HOST:PORT or [IPV6]:PORT"


INTERFACES = Path("/proc/net/if_inet6")  # an address with the flags 80 is permanent, and not tentative
LINES = [line.split() for line in INTERFACES.read_text("utf-8").splitlines()] if INTERFACES.exists() else []
IPV6 = {str(ip_address(bytes.fromhex(address))): zone for address, *_, flags, zone in LINES if flags == "80"}
needs_ipv6 = pytest.mark.skipif("::1" not in IPV6, reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("host", "shown", "reached", "refused"),
    [
        ("127.0.0.1", "127.0.0.1", ["127.0.0.1"], []),
        ("localhost", "127.0.0.1", ["localhost"], []),
        ("0.0.0.0", "localhost", ["127.0.0.1"], []),  # noqa: S104 - on a free port, for a moment
        ("", "localhost", ["127.0.0.1", "localhost"], []),
        pytest.param("", "localhost", ["::1"], [], marks=needs_ipv6),
        pytest.param("::", "localhost", ["::1", "127.0.0.1"], [], marks=needs_ipv6),
        pytest.param("::1", "[::1]", ["::1"], ["127.0.0.1"], marks=needs_ipv6),
        *((f"{local}%{zone}", f"[{local}]", [], []) for local, zone in IPV6.items() if local.startswith("fe80:")),
    ],
)
def test_listening_on_a_port_takes_it(host: str, shown: str, reached: Sequence[str], refused: Sequence[str]) -> None:
    with closing(listen(ListenAddress(host, 0))) as listener:
        port = listener.getsockname()[1]
        assert url(listener) == f"http://{shown}:{port}"
        for each in reached:
            socket.create_connection((each, port), timeout=5).close()
        for each in refused:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((each, port), timeout=5)
        with pytest.raises(ListenError) as taken:
            listen(ListenAddress(host, port))
    assert str(taken.value) == (
        f"cannot listen on {f'[{host}]' if ':' in host else host}:{port} (Address already in use); "
        "stop what uses it, or choose another address"
    )


def test_of_both_addresses_of_a_name_the_one_of_ipv4_is_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0] for host in ("::1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with closing(listen(ListenAddress("localhost", 0))) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_just_left_is_free_again() -> None:
    with closing(listen(ListenAddress("127.0.0.1", 0))) as listener:
        address = ListenAddress(*listener.getsockname())
        client = socket.create_connection(address, timeout=5)
        listener.setblocking(True)  # noqa: FBT003 - the standard library's signature
        listener.accept()[0].close()  # the side that closes first keeps the port in TIME_WAIT
        client.close()
    listen(address).close()


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        pytest.param("192.0.2.1", "Cannot assign requested address", id="another machine"),
        pytest.param("a..b", r"[^\n]+", id="an empty label"),
        pytest.param("x" * 64, r"[^\n]+", id="a label that is too long"),
    ],
)
def test_a_host_that_cannot_be_listened_on(host: str, reason: str) -> None:
    with pytest.raises(ListenError, match=rf"^cannot listen on {host}:1 \({reason}\); stop what uses it"):
        listen(ListenAddress(host, 1))
