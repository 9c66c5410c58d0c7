"""What the flags of the web server take, and what they make of it."""

import click
import pytest
from click.testing import CliRunner, Result

from exporter.web.settings import WebSettings, web_flags


def run(*flags: str) -> Result:
    @click.command
    @web_flags
    def command(web: WebSettings) -> None:
        click.echo(f"{web.metrics_path} {web.external_url}")

    return CliRunner().invoke(command, flags)


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
    assert run(*flags).output == f"{made}\n"


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
    result = run(flag, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{flag}'" in result.output
    assert repr(value) in result.output
