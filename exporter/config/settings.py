"""The configuration: each key's type, default, bounds and meaning, and the settings in force that follow from the keys.

Sections are plain frozen dataclasses that pydantic validates, so that settings are made in code without validation.
All durations are seconds.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SkipValidation, StrictBool, StrictInt, model_validator

from exporter.config.addresses import Proxy as Proxy  # noqa: PLC0414 - imported from here
from exporter.config.certificates import TLS as TLS  # noqa: PLC0414 - imported from here
from exporter.config.credentials import Credentials, EnvironmentCredentials, FileCredentials, InlineCredentials, Secret
from exporter.config.patterns import Pattern, compile_pattern
from exporter.config.problems import one_of
from exporter.config.validation import Section
from exporter.config.values import (
    BaseURL,
    Channels,
    Duration,
    File,
    FilePattern,
    Hosts,
    LinkTemplate,
    Name,
    ProxyURL,
    Regex,
    Regexes,
    StatusRegexes,
    Subdomain,
    Text,
    Token,
    Variable,
    about,
)
from exporter.config.values import Channel as Channel  # noqa: PLC0414 - imported from here

HOW_TO_AUTHORIZE = "credentials_file: /path/to/token or credentials_env: MIHU_API_TOKEN"


class NumberStyle(StrEnum):
    """How phone numbers appear in labels (``metrics.number``)."""

    FULL = "full"
    MASKED = "masked"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization(Section):
    """Where the API token comes from: exactly one of these keys."""

    credentials_file: Annotated[File | None, about("A file that holds the token; read again when it changes.")] = None
    credentials_env: Annotated[Variable | None, about("The name of the environment variable that holds the token.")] = (
        None
    )
    credentials: Annotated[Token | None, about("The token itself, which everyone who can read this file sees.")] = None

    __pydantic_config__: ClassVar = Section.described_by(minProperties=1, maxProperties=1)

    @model_validator(mode="after")
    def _is_one(self) -> "Authorization":
        written = [each.name for each in fields(self) if getattr(self, each.name) is not None]
        if len(written) > 1:
            raise ValueError(f"has {one_of(written, 'and')}; keep one of them")
        if not written:
            raise ValueError(f"names no token; write {HOW_TO_AUTHORIZE}")
        return self

    @property
    def source(self) -> Credentials:
        """Where the token is read from."""
        if self.credentials_file is not None:
            return FileCredentials(self.credentials_file)
        if self.credentials_env is not None:
            return EnvironmentCredentials(self.credentials_env)
        return InlineCredentials(self.credentials or Secret(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Section):
    """Which trunks the API is asked for; without a key, for all."""

    channel: Annotated[Literal["call", "whatsapp"] | None, about("Trunks with this channel bound.")] = None
    agent_uuid: Annotated[Text | None, about("Trunks of this agent.")] = None
    search: Annotated[Text | None, about("Trunks that the API finds by this text.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Section):
    """The trunks that a rule applies to: a pattern of every list that is not empty must match."""

    number: Annotated[Regexes, about("Phone numbers.")] = ()
    type: Annotated[Regexes, about("Types of numbers.")] = ()
    country_code: Annotated[Regexes, about("Countries, such as IT.")] = ()
    status: Annotated[Regexes, about("Statuses of trunks.")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectRule(Section):
    """The channels that are expected on the trunks that ``match``."""

    match: Annotated[Match, about("The trunks; without it, all.")] = field(default_factory=Match)
    channels: Annotated[
        Channels, about("The channels that ought to be bound; auto: call, unless disabled or only WhatsApp is bound.")
    ]


def status_patterns(*expressions: str) -> tuple[Pattern, ...]:
    """Compile expressions for statuses, ignoring case."""
    return tuple(compile_pattern(expression, ignore_case=True) for expression in expressions)


_ACTIVE = status_patterns("active", "in[_-]?use", "enabled")
_PENDING = status_patterns(".*(pending|process|progress|provision|porting|review|submitted|waiting|requested).*")
_COMPLIANT = status_patterns("complete(d)?", "approved", "verified", "not[_-]?(required|applicable)", "exempt")
_REJECTED = status_patterns(".*(reject|denied|declined|fail|expired).*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses(Section):
    """What the API's statuses mean, which are an open set."""

    active: Annotated[StatusRegexes, about("A trunk in service.")] = _ACTIVE
    pending: Annotated[StatusRegexes, about("A trunk that is being set up.")] = _PENDING
    compliant: Annotated[StatusRegexes, about("Compliance that is settled.")] = _COMPLIANT
    rejected: Annotated[StatusRegexes, about("Compliance that was refused.")] = _REJECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember(Section):
    """For how long losses are shown."""

    lost: Annotated[Duration, about("A lost channel, or a disabled service.")] = 7 * 86_400.0
    gone: Annotated[Duration, about("A trunk that is no longer listed.")] = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings(Section):
    """How a workspace is polled and judged."""

    poll_interval: Annotated[Duration, about("How often the API is polled.")] = 60.0
    poll_timeout: Annotated[Duration, about("For a whole poll, retries included; by default 5/6 of poll_interval.")] = (
        50.0
    )
    request_timeout: Annotated[Duration, about("For one request; by default 10s or poll_timeout, the smaller.")] = 10.0
    max_staleness: Annotated[
        Duration, about("Without a successful poll for so long, series disappear; by default 5 x poll_interval.")
    ] = 300.0
    per_page: Annotated[StrictInt, about("Trunks in a page; the API documents at most 100.", ge=1)] = 100
    concurrency: Annotated[StrictInt, about("Pages in flight.", ge=1, le=64)] = 4
    max_trunks: Annotated[StrictInt, about("A poll that finds more fails.", ge=1)] = 20_000
    verify_total: Annotated[StrictBool, about("Refuse a poll that found another number than the API says.")] = True
    filter: Annotated[Filter, about("Which trunks the API is asked for.")] = field(default_factory=Filter)
    statuses: Annotated[Statuses, about("What the API's statuses mean.")] = field(default_factory=Statuses)
    remember: Annotated[Remember, about("For how long losses are shown.")] = field(default_factory=Remember)
    expect: Annotated[
        tuple[ExpectRule, ...],
        about("The channels that trunks ought to be bound on; the first match wins."),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults(PollSettings):
    """Settings of every workspace that does not have its own."""

    authorization: Annotated[Authorization | None, about("Where the API token comes from.")] = None
    allow_http: Annotated[StrictBool, about("Allow a base_url of http://, which shows the token.")] = False
    tls_config: Annotated[TLS | None, about("Certificates for the API.")] = None
    proxy_url: Annotated[ProxyURL | None, about("The HTTP proxy of requests to the API.")] = None
    no_proxy: Annotated[
        Hosts, about("Hosts that are reached without the proxy: names, *.domains, addresses, networks.")
    ] = ()
    proxy_from_environment: Annotated[StrictBool, about("Take the proxy from HTTPS_PROXY and NO_PROXY.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceKeys(Defaults):
    """One workspace: subdomain or base_url, and what differs from global."""

    name: Annotated[Name | None, about("The workspace label; by default the subdomain.")] = None
    subdomain: Annotated[Subdomain | None, about("acme, for https://acme.mihu.ai.")] = None
    base_url: Annotated[BaseURL | None, about("The address, instead of subdomain; needs a name.")] = None

    __pydantic_config__: ClassVar = Section.described_by(
        anyOf=[{"required": ["subdomain"]}, {"required": ["base_url", "name"]}]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics(Section):
    """What the exposition shows of a trunk."""

    number: Annotated[NumberStyle, about("How phone numbers are shown.")] = NumberStyle.FULL
    agent_names: Annotated[StrictBool, about("Show the names of agents.")] = True
    trunk_details: Annotated[StrictBool, about("Expose families of single trunks.")] = True
    deny: Annotated[tuple[Regex, ...], about("Families of single trunks to leave out.")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Web(Section):
    """What the status page shows."""

    links: Annotated[
        dict[Name, LinkTemplate],
        about("Where more is to be seen, by name: addresses with {workspace}, {number} and {uuid}."),
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Section):
    """The configuration of mihu-trunk-exporter."""

    shared: Annotated[Defaults, Field(alias="global", description="Settings of every workspace.")] = field(
        default_factory=Defaults
    )
    workspaces: Annotated[
        tuple[SkipValidation[WorkspaceKeys], ...],  # each is read by itself, like those of workspace_files
        about("The workspaces that are polled."),
    ] = ()
    workspace_files: Annotated[
        tuple[FilePattern, ...],
        about("Files with more workspaces, a list in each; relative to this file."),
    ] = ()
    metrics: Annotated[Metrics, about("What the exposition shows of a trunk.")] = field(default_factory=Metrics)
    web: Annotated[Web, about("What the status page shows.")] = field(default_factory=Web)


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
    """One of ``total`` exporters that share the workspaces; ``ordinal`` counts from 0.

    Raises:
        ValueError: the ordinal is not below the total.
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
    """A configuration that has passed every check; with more than one shard, the share of one of them.

    Attributes:
        workspaces: those that this shard polls.
        elsewhere: the names of those that other shards poll.
        hash: 48 bits of the SHA-256 of the files, so that a float64 holds it exactly.
        warnings: what is allowed but deserves a line in the log.
    """

    workspaces: tuple[Workspace, ...]
    elsewhere: tuple[str, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    web: Web = field(default_factory=Web)
    shard: Shard = field(default_factory=Shard)
    hash: int = 0
    warnings: tuple[str, ...] = ()
