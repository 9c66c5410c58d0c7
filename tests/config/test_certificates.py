"""Certificates and keys are loaded once, to tell of what cannot be used before the first poll does."""

import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest

from exporter.config.problems import ConfigError
from exporter.config.settings import TLS, Workspace

OPENSSL = shutil.which("openssl")
LoadWorkspace = Callable[..., Workspace]


def openssl(*arguments: str | Path) -> None:
    assert OPENSSL, "openssl is missing; install it: apt-get install openssl"
    subprocess.run([OPENSSL, *map(str, arguments)], check=True, capture_output=True)  # noqa: S603 - fixed arguments


def make_pair(directory: Path, name: str) -> None:
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    openssl("req", "-x509", "-key", key, "-subj", f"/CN={name}", "-days", "2", "-out", certificate)


def test_authorities_are_loaded_from_their_file(load_workspace: LoadWorkspace, tmp_path: Path) -> None:
    shutil.copy(certifi.where(), tmp_path / "ca.pem")
    tls = load_workspace("tls_config: {ca_file: ca.pem, server_name: mihu}").tls
    assert tls == TLS(ca_file=tmp_path / "ca.pem", server_name="mihu")
    assert tls.context().cert_store_stats()["x509_ca"] > 0


def test_a_certificate_is_loaded_with_its_key(load_workspace: LoadWorkspace, tmp_path: Path) -> None:
    make_pair(tmp_path, "client")
    tls = load_workspace("tls_config: {cert_file: client.pem, key_file: client.key}").tls
    assert tls == TLS(cert_file=tmp_path / "client.pem", key_file=tmp_path / "client.key")


def test_the_key_of_another_certificate_is_refused(load_workspace: LoadWorkspace, tmp_path: Path) -> None:
    make_pair(tmp_path, "client")
    make_pair(tmp_path, "other")
    with pytest.raises(ConfigError) as refused:
        load_workspace("tls_config: {cert_file: client.pem, key_file: other.key}")
    assert str(refused.value) == (
        f"{tmp_path}/config.yaml: workspaces[0].tls_config.key_file: {tmp_path}/other.key is not the private key "
        f"of {tmp_path}/client.pem, or has a password, which is not supported (key values mismatch)"
    )


def test_a_key_with_a_password_is_refused_without_asking_for_it(load_workspace: LoadWorkspace, tmp_path: Path) -> None:
    make_pair(tmp_path, "client")
    openssl("ec", "-in", tmp_path / "client.key", "-aes128", "-passout", "pass:pw", "-out", tmp_path / "locked.key")
    with pytest.raises(ConfigError, match="or has a password, which is not supported"):
        load_workspace("tls_config: {cert_file: client.pem, key_file: locked.key}")


def test_a_certificate_of_the_server_need_not_be_checked(load_workspace: LoadWorkspace) -> None:
    tls = load_workspace("tls_config: {insecure_skip_verify: true}").tls
    assert tls == TLS(insecure_skip_verify=True)
    assert tls.context().verify_mode is ssl.CERT_NONE
