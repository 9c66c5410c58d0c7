"""What goes wrong when somebody tries the exporter for the first time: one clear message, with what to do."""

import asyncio
import json
from pathlib import Path

import pytest
from support.once import Ended, once, simulated

TOKEN = "token-a"
UNKNOWN = f"http://{'a' * 64}.localhost"  # too long a label, so that the resolver refuses it without asking anybody


def run(folder: Path, *flags: str) -> Ended:
    return asyncio.run(once(folder, *flags))


def poll(folder: Path, token: str = TOKEN, base_url: str = "{api}/acme", **authorization: str) -> Ended:
    """Poll the simulated API with a token in a file, unless it is said to be elsewhere."""
    file = folder / "token"
    file.write_text(token, encoding="utf-8")
    file.chmod(0o600)

    async def scenario() -> Ended:
        async with simulated(folder) as api:
            workspace = {
                "name": "acme",
                "base_url": base_url.format(api=f"http://127.0.0.1:{api.port}"),
                "authorization": authorization or {"credentials_file": "token"},
            }
            # JSON is YAML.
            (folder / "config.yaml").write_text(json.dumps({"workspaces": [workspace]}), encoding="utf-8")
            return await once(folder, "once")

    return asyncio.run(scenario())


@pytest.mark.parametrize("flags", [(), ("once",), ("--config.check",)], ids=["run", "once", "check"])
def test_without_a_configuration(flags: tuple[str, ...], tmp_path: Path) -> None:
    ended = run(tmp_path, *flags)
    assert (ended.status, ended.output) == (1, "")
    assert ended.errors == (
        "mihu-trunk-exporter: config.yaml: there is no such file; name another with --config.file, try --demo, which "
        "needs none, or write\n"
        "    workspaces:\n"
        "      - subdomain: acme # the first part of https://acme.mihu.ai\n"
        "        authorization: {credentials_env: MIHU_API_TOKEN}\n"
    )


def test_with_tabs(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("workspaces:\n\t- subdomain: acme\n", encoding="utf-8")
    ended = run(tmp_path)
    assert (ended.status, ended.output) == (1, "")
    assert ended.errors == (
        "mihu-trunk-exporter: config.yaml: line 2, column 1: a tab is used for indentation; YAML allows spaces only\n"
    )


def test_with_a_newline_after_the_token_nothing_goes_wrong(tmp_path: Path) -> None:
    ended = poll(tmp_path, f"{TOKEN}\r\n")
    assert (ended.status, ended.errors) == (0, "")
    assert 'mihu_up{workspace="acme"} 1\n' in ended.output


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "no token: token is empty; put the workspace's API token there"),
        (f'"{TOKEN}"\n', "token has quotes around the token; write the token alone"),
        (
            f"Bearer {TOKEN}\n",
            'token begins with "Bearer ", which is added when the token is sent; write the token alone',
        ),
        (
            "stale-token",
            (
                "HTTP 401 (INVALID_AUTH_TOKEN, Authentication token is invalid or has been revoked.): the token is "
                "missing, invalid, expired or revoked; put a valid token in place, where authorization in the "
                "configuration says"
            ),
        ),
    ],
    ids=["nothing in its file", "quotes", "Bearer", "a stale one"],
)
def test_with_a_token_that_is_none(token: str, said: str, tmp_path: Path) -> None:
    ended = poll(tmp_path, token)
    assert ended.status == 1
    assert ended.errors == f"mihu-trunk-exporter: acme: {said}\n"


def test_without_a_token(tmp_path: Path) -> None:
    assert poll(tmp_path, credentials_env="MIHU_NO_SUCH_TOKEN").errors == (
        "mihu-trunk-exporter: acme: no token: the environment variable MIHU_NO_SUCH_TOKEN is not set; "
        "set it to the workspace's API token\n"
    )


def test_with_a_subdomain_that_nobody_has(tmp_path: Path) -> None:
    ended = poll(tmp_path, base_url=UNKNOWN)
    assert ended.status == 1
    (line,) = ended.errors.splitlines()
    assert line.startswith(f"mihu-trunk-exporter: acme: cannot resolve {UNKNOWN.removeprefix('http://')}: [Errno ")
    assert line.endswith("; check subdomain or base_url, proxy_url and DNS")


def test_with_a_subdomain_that_is_not_ours(tmp_path: Path) -> None:
    assert poll(tmp_path, base_url="{api}/acmee").errors == (
        "mihu-trunk-exporter: acme: HTTP 404 (NOT_FOUND, There is no such workspace.): there is no such API there; "
        "check subdomain or base_url\n"
    )
