"""The configuration in force: resolved, validated, immutable.

Only :mod:`exporter.config.loading` makes a ValidatedConfig, so nothing unvalidated reaches the rest of the
program. All durations are seconds.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from exporter.config.addresses import is_direct
from exporter.config.credentials import Credentials
from exporter.config.patterns import Pattern, compile_pattern

Channel = Literal["call", "sms", "whatsapp"]


class NumberStyle(StrEnum):
    """How phone numbers appear in labels (``metrics.number``)."""

    FULL = "full"
    MASKED = "masked"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which trunks the API is asked for; None asks for all."""

    channel: Literal["call", "whatsapp"] | None = None
    agent_uuid: str | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a rule applies to: every list that is not empty must match, each with one of its patterns."""

    number: tuple[Pattern, ...] = ()
    type: tuple[Pattern, ...] = ()
    country_code: tuple[Pattern, ...] = ()
    status: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectRule:
    """The channels that are expected on the trunks that match; None for ``auto``."""

    match: Match = field(default_factory=Match)
    channels: tuple[Channel, ...] | None = None


def status_patterns(*expressions: str) -> tuple[Pattern, ...]:
    """Compile expressions for statuses, whose case does not count."""
    return tuple(compile_pattern(expression, ignore_case=True) for expression in expressions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """What the API's statuses mean, which are an open set; :func:`~exporter.config.patterns.any_matches` compares.

    Attributes:
        active: of a trunk in service.
        pending: of a trunk that is being set up.
        compliant: of compliance that is settled.
        rejected: of compliance that was refused.
    """

    active: tuple[Pattern, ...] = status_patterns("active", "in[_-]?use", "enabled")
    pending: tuple[Pattern, ...] = status_patterns(
        ".*(pending|process|progress|provision|porting|review|submitted|waiting|requested).*"
    )
    compliant: tuple[Pattern, ...] = status_patterns(
        "complete(d)?", "approved", "verified", "not[_-]?(required|applicable)", "exempt"
    )
    rejected: tuple[Pattern, ...] = status_patterns(".*(reject|denied|declined|fail|expired).*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """For how long what was lost is remembered, in seconds.

    Attributes:
        lost: a channel that was bound and no longer is, or a service that was enabled.
        gone: a trunk that is no longer listed.
    """

    lost: float = 7 * 86_400.0
    gone: float = 86_400.0


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
class TLS:
    """How the server's certificate is checked, and which one is shown to it."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = field(default=None, repr=False)
    server_name: str | None = None
    insecure_skip_verify: bool = False

    @property
    def files(self) -> Mapping[str, Path]:
        """The files that a context is made from, by their keys in the configuration."""
        files = {"ca_file": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file}
        return {key: file for key, file in files.items() if file is not None}

    def context(self) -> ssl.SSLContext:
        """Make the context for these settings and what the files hold now.

        Raises:
            OSError: a file cannot be read, or does not hold what it should (ssl.SSLError is one).
        """
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.ca_file is not None:
            # Set from Python 3.13 on, it refuses what private authorities have signed for years: their certificates
            # often have no keyUsage, and basicConstraints that are not critical. An authority that was chosen by name
            # is not doubted for its form.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.cert_file is not None:
            # A password, even an empty one, keeps OpenSSL from asking for it on the terminal.
            context.load_cert_chain(self.cert_file, self.key_file, password="")
        if self.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One tenant of Mihu and how it is polled."""

    name: str
    base_url: str
    credentials: Credentials
    poll_interval: float = 60.0
    poll_timeout: float = 50.0
    request_timeout: float = 10.0
    max_staleness: float = 300.0
    per_page: int = 100
    concurrency: int = 4
    max_trunks: int = 20_000
    verify_total: bool = True
    tls: TLS = field(default_factory=TLS)
    proxy: Proxy = field(default_factory=Proxy)
    filter: Filter = field(default_factory=Filter)
    statuses: Statuses = field(default_factory=Statuses)
    remember: Remember = field(default_factory=Remember)
    expect: tuple[ExpectRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What the exposition shows of a trunk."""

    number: NumberStyle = NumberStyle.FULL
    agent_names: bool = True
    trunk_details: bool = True
    deny: tuple[Pattern, ...] = ()


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
