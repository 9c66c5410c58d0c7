"""Configuration of the exporter with a marked secret in every place where one can stand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bcrypt
from canary.echoing import ECHOES, Heads
from support.certificates import Authority
from support.files import write_yaml
from support.marks import KEY, PASSWORD, PROXY_PASSWORD, TOKEN
from support.processes import free_port

VARIABLE = "MARKED_TOKEN"
_SOURCES = ({"credentials": TOKEN}, {"credentials_file": "token"}, {"credentials_env": VARIABLE})


class Marked:
    """A folder with a token, a certificate and its key, and what is polled with them."""

    def __init__(self, folder: Path, api: Heads, proxy: Heads) -> None:
        self.folder = folder
        (folder / "token").write_text(TOKEN, encoding="utf-8")
        authority = Authority(folder, "ca")
        self.authority = authority.certificate  # of who signed the exporter's
        authority.sign("server")[1].rename(folder / f"{KEY}.key")
        self._pair = {"cert_file": "server.pem", "key_file": f"{KEY}.key"}
        echoed = [
            {"name": name, "base_url": f"{api.url}/{name}", "authorization": _SOURCES[index % len(_SOURCES)]}
            for index, name in enumerate(ECHOES)
        ]
        unreached: dict[str, dict[str, Any]] = {
            "proxied": {"base_url": f"{api.url}/key", "proxy_url": f"http://{PROXY_PASSWORD}@127.0.0.1:{proxy.port}"},
            "tunnelled": {"base_url": "https://localhost", "proxy_url": _login(proxy.port)},
            "without-proxy": {"base_url": "https://localhost", "proxy_url": _login(free_port())},
            "without-tls": {"base_url": f"https://localhost:{api.port}", "tls_config": self._pair},
        }
        # One on each way in which the API repeats the token, and some that do not reach it.
        self.workspaces: Sequence[Mapping[str, Any]] = [
            *echoed,
            *({"name": name, "authorization": _SOURCES[0], **rest} for name, rest in unreached.items()),
        ]

    def write(self, name: str, **changed: object) -> Path:
        """Write a configuration that polls the workspaces, changed as said; return where it is."""
        settings = {"poll_interval": "1h", "poll_timeout": "3s", "request_timeout": "1s"}
        return write_yaml(self.folder / name, {"global": settings, "workspaces": self.workspaces} | changed)

    def write_web(self, name: str, hash_: str | None = None) -> Path:
        """Write a web configuration, with a hash of the password if none is given; return where it is."""
        users = {"prometheus": hash_ or bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}
        return write_yaml(self.folder / name, {"tls_server_config": self._pair, "basic_auth_users": users})


def _login(port: int) -> str:
    return f"http://user:{PROXY_PASSWORD}@127.0.0.1:{port}"
