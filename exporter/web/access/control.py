"""The web configuration in force, as a reload changes it."""

import ssl
from collections.abc import Mapping
from dataclasses import replace

import structlog

from exporter.web.access.settings import WebConfig
from exporter.web.auth import Passwords
from exporter.web.tls import Contexts

_log = structlog.get_logger()


class Access:
    """Who may come in, and how.

    Raises:
        OSError: the certificates went bad since the configuration was loaded.
    """

    def __init__(self, config: WebConfig) -> None:
        self._config = config
        self._contexts = None if config.tls is None else Contexts(config.tls)
        self.passwords = Passwords(config.users)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that are configured for every answer."""
        return self._config.headers

    async def context(self) -> ssl.SSLContext | None:
        """Return how to encrypt a connection that begins now; None for not at all."""
        return None if self._contexts is None else await self._contexts.current()

    def apply(self, config: WebConfig) -> None:
        """Take over a reloaded configuration: passwords for the next request, the rest for the next connection."""
        config = self._with_tls_in_force(config)
        self.passwords.replace(config.users)
        if config.tls is not None and self._contexts is not None:
            self._contexts.follow(config.tls)
        self._config = config
        self.log("web configuration reloaded")

    def log(self, message: str) -> None:
        """Say what is in force."""
        for warning in self._config.warnings:
            _log.warning(warning)
        _log.info(message, tls=self._config.tls is not None, users=len(self._config.users))

    def _with_tls_in_force(self, config: WebConfig) -> WebConfig:
        """Keep connections encrypted or not: clients have to change their addresses together with that."""
        if (config.tls is None) == (self._config.tls is None):
            return config
        _log.warning(
            "tls_server_config was added or removed, which needs a restart; the other changes are taken over",
            tls=self._config.tls is not None,
        )
        return replace(config, tls=self._config.tls)
