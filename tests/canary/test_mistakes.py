"""Whatever is wrong in a configuration, it is told without the secret that stands there."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.logged import captured_log
from support.marks import KEY, PASSWORD, PROXY_PASSWORD, TOKEN, marks_in

from exporter.cli import main

MISTAKES = [
    f"authorization: {TOKEN}",
    f"authorization: [{TOKEN}]",
    f"authorization: {{{TOKEN}}}",
    f"authorization: {{{TOKEN}: {TOKEN}}}",
    f"authorization: {{credential: {TOKEN}}}",
    f"authorization: {{credentials: [{TOKEN}]}}",
    f"authorization: {{credentials: {{text: {TOKEN}}}}}",
    f"authorization: {{credentials: {TOKEN}, credentials_env: MARKED_TOKEN}}",
    f"authorization: {{credentials: {TOKEN}, credentials: {TOKEN}}}",
    f"authorization: {{credentials_env: {TOKEN}}}",
    f"authorization: {{credentials_env: ${TOKEN}}}",
    f'authorization: {{credentials: "Bearer {TOKEN}"}}',
    f"authorization: {{credentials: 'x {TOKEN}'}}",
    f'authorization: {{credentials: "{TOKEN}}}',
    f"authorization: {{credentials: '{TOKEN}}}",
    f"authorization: {{credentials: {TOKEN}",
    f"authorization:\n      credentials: {TOKEN}: {TOKEN}",
    f"authorization:\n      credentials: @{TOKEN}",
    f"authorization:\n      credentials: *{TOKEN}",
    f"authorization:\n      credentials: !{TOKEN} x",
    f"authorization:\n      credentials: !!python/{TOKEN} x",
    f"authorization:\n      credentials: %{TOKEN}",
    f"authorization:\n      credentials: `{TOKEN}",
    f"authorization:\n      credentials: &{TOKEN} x\n      credentials_env: &{TOKEN} y",
    f'authorization:\n      credentials: "\\{TOKEN}"',
    f"authorization:\n\tcredentials: {TOKEN}",
    f"authorization:\n      credentials: {TOKEN}\n     y: {TOKEN}",
    f"authorization:\n      {TOKEN}",
    f"credentials: {TOKEN}",
    f"token: {TOKEN}",
    f"proxy_url: socks5://user:{PROXY_PASSWORD}@proxy",
    f"proxy_url: ftp://user:{PROXY_PASSWORD}@proxy",
    f"proxy_url: user:{PROXY_PASSWORD}@proxy",
    f"proxy_url: 'http://user:{PROXY_PASSWORD}@pro xy'",
    f"proxy_url: http://user:{PROXY_PASSWORD}@proxy:port",
    f"proxy_url: http://user:{PROXY_PASSWORD}@[::1",
    f"proxy_url: [http://user:{PROXY_PASSWORD}@proxy]",
    f"proxy_url: {{url: http://user:{PROXY_PASSWORD}@proxy}}",
    f"proxy_url: http://user:{PROXY_PASSWORD}@proxy\n    no_proxy: [10.0.0.0/8]",
    f"base_url: https://user:{PASSWORD}@acme.test",
    f"base_url: https://acme.test/?token={TOKEN}",
    f"base_url: ftp://user:{PASSWORD}@acme.test",
    f"base_url: 'https://user:{PASSWORD}@acme test'",
    f"base_url: [https://user:{PASSWORD}@acme.test]",
    f"tls_config: {{key_file: {KEY}.key}}",
    f"tls_config: [{KEY}.key]",
]
WEB_MISTAKES = [
    f"basic_auth_users: {{prometheus: {PASSWORD}}}",
    f"basic_auth_users: {{prometheus: [{PASSWORD}]}}",
    f"basic_auth_users: [{PASSWORD}]",
    f"basic_auth_users: {PASSWORD}",
    f"basic_auth_users: {{{PASSWORD}}}",
    f"basic_auth_users: {{prometheus: {PASSWORD}, prometheus: {PASSWORD}}}",
    f"basic_auth_users:\n  prometheus: @{PASSWORD}",
    f"basic_auth_users:\n  prometheus: *{PASSWORD}",
    f'basic_auth_users:\n  prometheus: "{PASSWORD}',
    f"basic_auth_user: {{prometheus: {PASSWORD}}}",
    f"tls_server_config: {{key_file: {KEY}.key}}",
    f"tls_server_config: {{cert_file: no.pem, key_file: {KEY}.key}}",
    f"tls_server_config: {{key: {KEY}.key}}",
]
RIGHT = "authorization: {credentials_env: MARKED_TOKEN}"


def check(*flags: str) -> str:
    """Check a configuration in this process, and return all that is said of it."""
    with captured_log("debug") as log:
        ended = CliRunner().invoke(main, ["--config.check", *flags], env={"MARKED_TOKEN": TOKEN})
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    return ended.output + log.getvalue()


@pytest.mark.parametrize("mistake", MISTAKES)
class TestAMistake:
    def test_in_a_workspace(self, tmp_path: Path, mistake: str) -> None:
        file = tmp_path / "config.yaml"
        file.write_text(f"workspaces:\n  - subdomain: acme\n    {mistake}\n    poll_timeout: often\n", encoding="utf-8")
        said = check("--config.file", str(file))
        assert said.startswith(f"mihu-trunk-exporter: {file}: ")
        assert not marks_in(said)

    def test_in_what_every_workspace_inherits(self, tmp_path: Path, mistake: str) -> None:
        file = tmp_path / "config.yaml"
        workspaces = f"workspaces: [{{subdomain: acme, {RIGHT}}}]"
        file.write_text(f"global:\n    {mistake}\n    poll_timeout: often\n{workspaces}\n", encoding="utf-8")
        said = check("--config.file", str(file))
        assert said.startswith(f"mihu-trunk-exporter: {file}: ")
        assert not marks_in(said)


@pytest.mark.parametrize("mistake", WEB_MISTAKES)
def test_a_mistake_in_the_web_configuration(tmp_path: Path, mistake: str) -> None:
    config, web = tmp_path / "config.yaml", tmp_path / "web.yaml"
    config.write_text(f"workspaces: [{{subdomain: acme, {RIGHT}}}]", encoding="utf-8")
    web.write_text(mistake, encoding="utf-8")
    said = check("--config.file", str(config), "--web.config.file", str(web))
    assert said.startswith(f"mihu-trunk-exporter: {web}: ")
    assert not marks_in(said)
