"""The file of ``--web.config.file``: what is taken from it, and every way in which it is refused."""

import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.certificates import Authority, lock, new_key, openssl

from exporter.config.problems import ConfigError
from exporter.web.config import ServerTLS, WebConfig, load_web_config

BAD: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("bad.yaml").read_text(encoding="utf-8"))
HASH = "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"

Load = Callable[[str], WebConfig]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    Authority(folder, "ca").sign("server")
    new_key(folder, "other")
    weak = ("-keyout", folder / "weak.key", "-out", folder / "weak.pem", "-subj", "/CN=weak")
    openssl("req", "-x509", "-newkey", "rsa:512", "-nodes", *weak)
    lock(folder / "server.key", folder / "locked.key")
    Path(shutil.copy(folder / "server.key", folder / "loose.key")).chmod(0o644)
    return folder


@pytest.fixture
def load(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    def load(text: str) -> WebConfig:
        monkeypatch.chdir(folder)
        Path("web.yaml").write_text(text, encoding="utf-8")
        return load_web_config(Path("web.yaml"))

    return load


@pytest.mark.parametrize(("text", "problems"), [(text, problems) for text, *problems in BAD.values()], ids=BAD)
def test_a_bad_configuration_is_refused_with_every_problem(text: str, problems: list[str], load: Load) -> None:
    with pytest.raises(ConfigError) as refused:
        load(text)
    reported = str(refused.value).splitlines()
    assert len(reported) == len(problems), reported
    for line, problem in zip(reported, problems, strict=True):
        assert line.startswith(f"web.yaml: {problem}")
    for secret in ("s3cr3t", "12345678", "ABCDEFG"):
        assert secret not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_web_config(tmp_path / "web.yaml")
    assert str(refused.value) == (
        f"{tmp_path}/web.yaml: there is no such file; name another with --web.config.file, or leave that out"
    )


def test_everything_that_is_supported(load: Load) -> None:
    config = load(f"""
        tls_server_config: {{cert_file: server.pem, key_file: server.key, min_version: TLS12, max_version: TLS13,
          client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, prefer_server_cipher_suites: false,
          cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]}}
        http_server_config:
          http2: false
          headers: {{Strict-Transport-Security: "max-age=31536000\\n", X-Frame-Options: sameorigin}}
        basic_auth_users: {{alice: {HASH}, bob jr.: {HASH.replace("$2y", "$2b")}}}
    """)
    assert config == WebConfig(
        tls=ServerTLS(
            cert_file=Path("server.pem"),
            key_file=Path("server.key"),
            client_ca_file=Path("ca.pem"),
            client_auth_type="RequireAndVerifyClientCert",
            cipher_suites=("", "ECDHE-ECDSA-AES256-GCM-SHA384"),
            prefer_server_cipher_suites=False,
        ),
        users={"alice": HASH.encode(), "bob jr.": HASH.replace("$2y", "$2b").encode()},
        headers={"Strict-Transport-Security": "max-age=31536000", "X-Frame-Options": "sameorigin"},
    )


@pytest.mark.parametrize(
    ("settings", "minimum"),
    [
        ("", ssl.TLSVersion.TLSv1_2),
        (", min_version: TLS13, cipher_suites: [TLS_AES_128_GCM_SHA256]", ssl.TLSVersion.TLSv1_3),  # it needs no other
    ],
)
def test_files_are_relative_to_the_configuration(settings: str, minimum: ssl.TLSVersion, folder: Path) -> None:
    text = f"tls_server_config: {{cert_file: server.pem, key_file: server.key{settings}}}"
    (folder / "relative.yaml").write_text(text, "utf-8")
    tls = load_web_config(folder / "relative.yaml").tls
    assert tls is not None
    assert (tls.cert_file, tls.key_file) == (folder / "server.pem", folder / "server.key")
    assert tls.context().minimum_version is minimum


EMPTY = "is empty, so that anyone can connect, without a password and unencrypted"
CLEAR = "passwords are sent unencrypted; add tls_server_config, or let a proxy encrypt"
LOOSE = "tls_server_config.key_file: can be read by other users (its mode is 0644); chmod 600 keeps it private"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        *((text, EMPTY) for text in ("", "# nothing")),
        (f"basic_auth_users: {{alice: {HASH}}}", CLEAR),
        ("tls_server_config: {cert_file: server.pem, key_file: loose.key}", LOOSE),
    ],
)
def test_a_risky_configuration_is_warned_about(load: Load, text: str, warning: str) -> None:
    assert load(text).warnings == (f"web.yaml: {warning}",)
