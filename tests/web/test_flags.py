"""What the flags of the web server take, and what they make of it."""

import click
import pytest

from exporter.cli import main, web_settings
from exporter.web.settings import WebSettings


def made_of(*flags: str) -> WebSettings:
    return web_settings(main.make_context("mihu-trunk-exporter", [*flags]).params)


@pytest.mark.parametrize(
    ("flags", "made"),
    [
        ([], "/metrics None"),
        (["--web.telemetry-path", "/probe"], "/probe None"),
        (["--web.route-prefix", "ops/mihu/"], "/ops/mihu/metrics None"),
        (["--web.route-prefix", "/"], "/metrics None"),
        (["--web.external-url", "https://ops.example.com/mihu/"], "/mihu/metrics https://ops.example.com/mihu"),
        (
            ["--web.external-url", "https://ops.example.com:8443/mihu", "--web.route-prefix", "/"],
            "/metrics https://ops.example.com:8443/mihu",
        ),
    ],
)
def test_paths(flags: list[str], made: str) -> None:
    web = made_of(*flags)
    assert f"{web.metrics_path} {web.external_url}" == made


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--web.external-url", "ops.example.com"),
        ("--web.external-url", "https://ops.example.com/?a=b"),
        ("--web.external-url", "https://ops.example.com:99999/"),
        ("--web.external-url", "https://ops.example.com:port/"),
        ("--web.route-prefix", "/a b"),
        ("--web.telemetry-path", "metrics"),
        ("--web.telemetry-path", "/sd"),
        ("--web.telemetry-path", "/-/healthy"),
        ("--web.listen-address", "10155"),
    ],
)
def test_invalid_values_are_refused(flag: str, value: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        made_of(flag, value)
    assert f"Invalid value for '{flag}'" in refused.value.format_message()
    assert repr(value) in refused.value.format_message()
