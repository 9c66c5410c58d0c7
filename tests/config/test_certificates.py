"""Certificates and keys are loaded once, so that files that cannot be used are reported before the first poll."""

import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
from support.certificates import lock, new_key, openssl

from exporter.config.problems import ConfigError
from exporter.config.settings import TLS, ValidatedConfig, Workspace

pytestmark = pytest.mark.programs

LoadText = Callable[[str], ValidatedConfig]
LoadWorkspace = Callable[..., Workspace]


def make_pair(directory: Path, name: str) -> None:
    key, certificate = new_key(directory, name), directory / f"{name}.pem"
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
        f"{tmp_path}/config.yaml: workspaces[0].tls_config.key_file: is not the private key of "
        f"{tmp_path}/client.pem, or has a password, which is not supported (key values mismatch)"
    )


def test_a_key_with_a_password_is_refused_without_asking_for_it(load_workspace: LoadWorkspace, tmp_path: Path) -> None:
    make_pair(tmp_path, "client")
    lock(tmp_path / "client.key", tmp_path / "locked.key")
    with pytest.raises(ConfigError, match="or has a password, which is not supported"):
        load_workspace("tls_config: {cert_file: client.pem, key_file: locked.key}")


def test_a_key_that_others_can_read_is_warned_about(load_text: LoadText, tmp_path: Path) -> None:
    make_pair(tmp_path, "client")
    configured = (
        "workspaces: [{subdomain: acme, authorization: {credentials_env: MIHU_API_TOKEN}, "
        "tls_config: {cert_file: client.pem, key_file: client.key}}]"
    )
    assert load_text(configured).warnings == ()
    (tmp_path / "client.key").chmod(0o640)
    assert load_text(configured).warnings == (
        (
            f"{tmp_path}/config.yaml: workspaces[0].tls_config.key_file: can be read by other users "
            "(its mode is 0640); chmod 600 keeps it private"
        ),
    )


def test_a_certificate_of_the_server_need_not_be_checked(load_workspace: LoadWorkspace) -> None:
    tls = load_workspace("tls_config: {insecure_skip_verify: true}").tls
    assert tls == TLS(insecure_skip_verify=True)
    assert tls.context().verify_mode is ssl.CERT_NONE
