"""Whatever is wrong in a configuration, it is told without the secret that stands there."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.logged import captured_log
from support.marks import KEY, PASSWORD, PROXY_PASSWORD, TOKEN, marks_in

from exporter.cli import main

# TOKEN, PROXY, PASSWORD and KEY stand for secrets.
CREDENTIALS = [
    *("TOKEN: TOKEN", "@TOKEN", "*TOKEN", "!TOKEN x", "!!python/TOKEN x", "%TOKEN", "`TOKEN", r'"\TOKEN"'),
    *("&TOKEN x\n      credentials_env: &TOKEN y", "TOKEN\n     y: TOKEN"),
]
AUTHORIZATIONS = [
    *("TOKEN", "[TOKEN]", "{TOKEN}", "{TOKEN: TOKEN}", "{credential: TOKEN}", "{credentials: [TOKEN]}"),
    *("{credentials: {text: TOKEN}}", "{credentials: TOKEN, credentials_env: MARKED_TOKEN}"),
    *("{credentials: TOKEN, credentials: TOKEN}", "{credentials_env: TOKEN}", "{credentials_env: $TOKEN}"),
    *('{credentials: "Bearer TOKEN"}', "{credentials: 'x TOKEN'}", '{credentials: "TOKEN}', "{credentials: 'TOKEN}"),
    *("{credentials: TOKEN", "\n\tcredentials: TOKEN", "\n      TOKEN"),
    *(f"\n      credentials: {value}" for value in CREDENTIALS),
]
PROXIES = [
    *("socks5://user:PROXY@proxy", "ftp://user:PROXY@proxy", "user:PROXY@proxy", "'http://user:PROXY@pro xy'"),
    *("http://user:PROXY@proxy:port", "http://user:PROXY@[::1", "[http://user:PROXY@proxy]"),
    *("{url: http://user:PROXY@proxy}", "http://user:PROXY@proxy\n    no_proxy: [10.0.0.0/8]"),
]
ADDRESSES = [
    *("https://user:PASSWORD@acme.test", "https://acme.test/?token=TOKEN", "ftp://user:PASSWORD@acme.test"),
    *("'https://user:PASSWORD@acme test'", "[https://user:PASSWORD@acme.test]"),
]
USERS = [
    *("{prometheus: PASSWORD}", "{prometheus: [PASSWORD]}", "[PASSWORD]", "PASSWORD", "{PASSWORD}"),
    *("{prometheus: PASSWORD, prometheus: PASSWORD}", "\n  prometheus: @PASSWORD", "\n  prometheus: *PASSWORD"),
    '\n  prometheus: "PASSWORD',
]
MISTAKES = [
    *(f"authorization: {value}" for value in AUTHORIZATIONS),
    *(f"proxy_url: {value}" for value in PROXIES),
    *(f"base_url: {value}" for value in ADDRESSES),
    *("credentials: TOKEN", "token: TOKEN", "tls_config: {key_file: KEY.key}", "tls_config: [KEY.key]"),
]
WEB_MISTAKES = [
    *(f"basic_auth_users: {value}" for value in USERS),
    *("basic_auth_user: {prometheus: PASSWORD}", "tls_server_config: {key_file: KEY.key}"),
    *("tls_server_config: {cert_file: no.pem, key_file: KEY.key}", "tls_server_config: {key: KEY.key}"),
]
SECRETS = {"TOKEN": TOKEN, "PROXY": PROXY_PASSWORD, "PASSWORD": PASSWORD, "KEY": KEY}
WORKSPACES = "workspaces: [{subdomain: acme, authorization: {credentials_env: MARKED_TOKEN}}]\n"
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
    marked = re.sub(r"\b(TOKEN|PROXY|PASSWORD|KEY)\b", lambda named: SECRETS[named[0]], mistake)
    wrong.write_text(PLACES[place][0].replace("MISTAKE", marked), encoding="utf-8")
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
