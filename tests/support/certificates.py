"""Certificates for tests."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import trustme

from support.programs import run_well

openssl = partial(run_well, "openssl")


class Authority:
    """Signs certificates; its own, by itself, is NAME.pem with NAME.key, and so is that of each name that it signs."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        own = self._authority = trustme.CA(organization_unit_name=name)
        self.certificate, self.key = _written(directory, name, own.cert_pem, own.private_key_pem)

    def sign(
        self, name: str, hosts: Sequence[str] = ("localhost", "127.0.0.1"), not_after: datetime | None = None
    ) -> tuple[Path, Path]:
        """Make a certificate for hosts, by default for this machine; returns it and its key."""
        signed = self._authority.issue_cert(*hosts, common_name=name, not_after=not_after)
        return _written(self._directory, name, signed.cert_chain_pems[0], signed.private_key_pem)


def _written(directory: Path, name: str, certificate: trustme.Blob, key: trustme.Blob) -> tuple[Path, Path]:
    files = directory / f"{name}.pem", directory / f"{name}.key"
    certificate.write_to_path(files[0])
    key.write_to_path(files[1])
    files[1].chmod(0o600)
    return files


def lax(directory: Path, name: str) -> Path:
    """Sign NAME-signed.pem by an authority as of old, with no keyUsage, and basicConstraints not critical."""
    authority, authority_key = directory / f"{name}.pem", new_key(directory, name)
    config, names = directory / f"{name}.cnf", directory / f"{name}.ext"
    config.write_text("[req]\ndistinguished_name = name\n[name]\n[lax]\nbasicConstraints = CA:TRUE\n", "utf-8")
    names.write_text("subjectAltName = DNS:localhost\n", "utf-8")
    options = ("-config", config, "-extensions", "lax", "-subj", f"/CN={name}", "-days", "2")
    openssl("req", "-x509", *options, "-key", authority_key, "-out", authority)
    signed, request = directory / f"{name}-signed.pem", directory / f"{name}-signed.csr"
    openssl("req", "-new", "-key", new_key(directory, f"{name}-signed"), "-subj", "/CN=localhost", "-out", request)
    signed_by = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "2", "-extfile", names)
    openssl("x509", "-req", "-in", request, *signed_by, "-out", signed)
    return authority


def new_key(directory: Path, name: str) -> Path:
    key = directory / f"{name}.key"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    key.chmod(0o600)
    return key


def lock(key: Path, locked: Path) -> None:
    """Write a key with a password."""
    openssl("ec", "-in", key, "-aes128", "-passout", "pass:pw", "-out", locked)
