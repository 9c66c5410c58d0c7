"""Certificates for tests, made by the openssl program."""

import shutil
import subprocess
from pathlib import Path

_OPENSSL = shutil.which("openssl")


def openssl(*arguments: str | Path) -> None:
    assert _OPENSSL, "openssl is missing; install it: apt-get install openssl"
    subprocess.run([_OPENSSL, *map(str, arguments)], check=True, capture_output=True)  # noqa: S603 - fixed arguments


class Authority:
    """Signs certificates; its own is NAME.pem, that of each name it signs NAME.pem with NAME.key."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self.certificate = directory / f"{name}.pem"
        self._key = new_key(directory, name)
        openssl("req", "-x509", "-key", self._key, "-subj", f"/CN={name}", "-days", "2", "-out", self.certificate)

    def sign(self, name: str, common_name: str = "") -> tuple[Path, Path]:
        """Make a certificate for this machine; returns it and its key."""
        certificate, request = self._directory / f"{name}.pem", self._directory / f"{name}.csr"
        key = new_key(self._directory, name)
        subject = ("-subj", f"/CN={common_name or name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl("req", "-new", "-key", key, *subject, "-out", request)
        signed_by = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial", "-days", "2")
        openssl("x509", "-req", "-in", request, *signed_by, "-copy_extensions", "copy", "-out", certificate)
        return certificate, key


def new_key(directory: Path, name: str) -> Path:
    key = directory / f"{name}.key"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    key.chmod(0o600)
    return key


def lock(key: Path, locked: Path) -> None:
    """Write a key with a password."""
    openssl("ec", "-in", key, "-aes128", "-passout", "pass:pw", "-out", locked)
