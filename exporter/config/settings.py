"""The configuration in force: resolved, validated, immutable. All durations are seconds."""

from dataclasses import dataclass, field

from exporter.config.addresses import is_direct
from exporter.config.credentials import Credentials
from exporter.config.model import *  # noqa: F403 - the settings that are in force as they are written
from exporter.config.model import TLS, Metrics, PollSettings
from exporter.config.values import Channel as Channel  # noqa: PLC0414 - so that it can be imported from here


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """How requests leave: through ``url``, except to the hosts in ``no_proxy``.

    The address may carry a password, so it stays out of the representation. What the environment says is in both.
    """

    url: str | None = field(default=None, repr=False)
    no_proxy: tuple[str, ...] = ()
    from_environment: bool = False

    def url_to(self, address: str) -> str | None:
        """Return the proxy through which an address is asked; None for directly."""
        return None if self.url is None or is_direct(address, self.no_proxy) else self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace(PollSettings):
    """One tenant of Mihu and how it is polled."""

    name: str
    base_url: str
    credentials: Credentials
    tls: TLS = field(default_factory=TLS)
    proxy: Proxy = field(default_factory=Proxy)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``total`` exporters that split the workspaces over themselves, counted from 0.

    Raises:
        ValueError: there is no such one.
    """

    ordinal: int = 0
    total: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.ordinal < self.total:
            raise ValueError(f"there is no shard {self}; shards are counted from 0")

    def __str__(self) -> str:
        return f"{self.ordinal} of {self.total}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedConfig:
    """A whole configuration that has passed every check; with more than one shard, the share of one of them.

    Attributes:
        workspaces: those that are polled here.
        elsewhere: the names of those that other shards poll.
        hash: 48 bits of the SHA-256 of the files, so that a float64 holds it exactly.
        warnings: what is allowed but deserves a line in the log.
    """

    workspaces: tuple[Workspace, ...]
    elsewhere: tuple[str, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    shard: Shard = field(default_factory=Shard)
    hash: int = 0
    warnings: tuple[str, ...] = ()
