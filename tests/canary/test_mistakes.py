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


WORKSPACES = f"workspaces: [{{subdomain: acme, {RIGHT}}}]\n"
PLACES = {
    "a workspace": ("workspaces:\n  - subdomain: acme\n    MISTAKE\n    poll_timeout: often\n", MISTAKES),
    "what every workspace inherits": ("global:\n    MISTAKE\n    poll_timeout: often\n" + WORKSPACES, MISTAKES),
    "the web configuration": ("MISTAKE", WEB_MISTAKES),
}


@pytest.mark.parametrize(
    ("place", "mistake"), [(place, mistake) for place, (_, mistakes) in PLACES.items() for mistake in mistakes]
)
def test_a_mistake_is_told_without_the_secret(tmp_path: Path, place: str, mistake: str) -> None:
    wrong, right = tmp_path / "wrong.yaml", tmp_path / "right.yaml"
    wrong.write_text(PLACES[place][0].replace("MISTAKE", mistake), encoding="utf-8")
    right.write_text(WORKSPACES, encoding="utf-8")
    files = ["--config.file", str(wrong)]
    if place == "the web configuration":
        files = ["--config.file", str(right), "--web.config.file", str(wrong)]
    with captured_log("debug") as log:
        ended = CliRunner().invoke(main, ["--config.check", *files], env={"MARKED_TOKEN": TOKEN})
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    said = ended.output + log.getvalue()
    assert said.startswith(f"mihu-trunk-exporter: {wrong}: ")
    assert not marks_in(said)
