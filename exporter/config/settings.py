"""The model of the configuration: type, default, bounds and meaning of each key, and the settings made from the keys.

Sections are frozen dataclasses that pydantic validates when they are loaded; code and tests make them without
validation. Durations are seconds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from hashlib import blake2b
from typing import Any, Literal

import yaml
from pydantic import SkipValidation, StrictBool, StrictInt

from exporter.config import values
from exporter.config.addresses import is_direct
from exporter.config.certificates import TLS as TLS  # noqa: PLC0414 - imported from here
from exporter.config.credentials import Authorization
from exporter.config.validation import SchemaGenerator, Section, key
from exporter.config.values import Channel as Channel  # noqa: PLC0414 - imported from here

_SHOWN_IF_CHANGED = ("authorization", "allow_http", "tls_config", "proxy_from_environment", "filter", "expect")


class NumberStyle(StrEnum):
    """The style of phone numbers in labels (``metrics.number``)."""

    FULL = "full"
    MASKED = "masked"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Section):
    """Filters of the list that the API applies; without a key, all trunks are read."""

    channel: Literal["call", "whatsapp"] | None = key("Trunks with this channel bound.", None)
    agent_uuid: values.Text | None = key("Trunks of this agent.", None)
    search: values.Text | None = key("Trunks that the API finds by this text.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Section):
    """Conditions of a rule: one pattern of each list must match; an empty list matches everything."""

    number: values.Regexes = key("Phone numbers.", ())
    type: values.Regexes = key("Types of numbers.", ())
    country_code: values.Regexes = key("Countries, such as IT.", ())
    status: values.Regexes = key("Statuses of trunks.", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectRule(Section):
    """The channels that are expected on the matching trunks."""

    match: Match = key("The matching trunks; by default all.", Match)
    channels: values.Channels = key("The expected channels; auto: call, unless disabled or only WhatsApp is bound.")


def status_patterns(*expressions: str) -> tuple[values.Pattern, ...]:
    return tuple(values.compile_pattern(expression, ignore_case=True) for expression in expressions)


_ACTIVE = status_patterns("active", "in[_-]?use", "enabled")
_PENDING = status_patterns(".*(pending|process|progress|provision|porting|review|submitted|waiting|requested).*")
_COMPLIANT = status_patterns("complete(d)?", "approved", "verified", "not[_-]?(required|applicable)", "exempt")
_REJECTED = status_patterns(".*(reject|denied|declined|fail|expired).*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses(Section):
    """The meaning of the API's statuses, which are an open set."""

    active: values.StatusRegexes = key("A trunk that is in service.", _ACTIVE)
    pending: values.StatusRegexes = key("A trunk that is being set up.", _PENDING)
    compliant: values.StatusRegexes = key("Compliance that is settled.", _COMPLIANT)
    rejected: values.StatusRegexes = key("Compliance that was refused.", _REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember(Section):
    """How long losses are shown."""

    lost: values.Duration = key("A lost channel, or a disabled service.", 7 * 86_400.0)
    gone: values.Duration = key("A trunk that is no longer listed.", 86_400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults(Section):
    """Settings of every workspace that does not set its own."""

    poll_interval: values.Duration = key("Time between polls.", 60.0)
    poll_timeout: values.Duration = key("Time for a poll with its retries; by default 5/6 of poll_interval.", 50.0)
    request_timeout: values.Duration = key("Time for one request; by default 10s or poll_timeout, the smaller.", 10.0)
    max_staleness: values.Duration = key("The age at which data disappear; by default 5 x poll_interval.", 300.0)
    per_page: StrictInt = key("Trunks per page; the API documents at most 100.", 100, ge=1)
    concurrency: StrictInt = key("Pages in flight.", 4, ge=1, le=64)
    max_trunks: StrictInt = key("Most trunks of the workspace; a poll that finds more fails.", 20_000, ge=1)
    verify_total: StrictBool = key("Fail a poll whose rows do not add up to the API's total.", True)
    filter: Filter = key("Filters of the list that the API applies.", Filter)
    statuses: Statuses = key("The meaning of the API's statuses.", Statuses)
    remember: Remember = key("How long losses are shown.", Remember)
    expect: tuple[ExpectRule, ...] = key("The channels that trunks should be bound on; the first match wins.", ())
    credentials: Authorization = key("The source of the API token.", Authorization, alias="authorization")
    allow_http: StrictBool = key("Allow a base_url of http://, which sends the token unencrypted.", False)
    tls: TLS = key("Certificates for the API.", TLS, alias="tls_config")
    proxy_url: values.ProxyURL | None = key("The HTTP proxy for requests to the API.", None)
    no_proxy: values.Hosts = key("Hosts reached without it: domains with their subdomains, addresses, networks.", ())
    proxy_from_environment: StrictBool = key("Take the proxy from HTTPS_PROXY and NO_PROXY.", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace(Defaults):
    """One workspace: subdomain or base_url, and its own settings."""

    # Once loaded it has name and base_url.
    name: values.Name = key("The value of the label workspace; by default the subdomain.", "")
    subdomain: values.Subdomain = key("acme, for https://acme.mihu.ai.", "")
    base_url: values.BaseURL = key("The address, instead of subdomain; needs a name.", "")

    __pydantic_config__ = Section.__pydantic_config__ | {
        "json_schema_extra": {"anyOf": [{"required": ["subdomain"]}, {"required": ["base_url", "name"]}]}
    }

    @property
    def proxy(self) -> str | None:
        """The proxy for requests to the API; None for a direct connection."""
        if self.proxy_url is None or is_direct(self.base_url, self.no_proxy):
            return None
        return self.proxy_url.reveal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics(Section):
    """Contents of the trunk series."""

    number: NumberStyle = key(
        "The style of phone numbers; unless full, a trunk without a uuid has no series and no changes of its own.",
        NumberStyle.FULL,
    )
    agent_names: StrictBool = key("Show names of agents.", True)
    trunk_details: StrictBool = key("Expose the families about single trunks.", True)
    deny: tuple[values.Regex, ...] = key("Families about single trunks to leave out.", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Web(Section):
    """Contents of the status page."""

    links: dict[values.Name, values.LinkTemplate] = key(
        "Links to other systems by name: addresses with {workspace}, {number} and {uuid}.", dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Section):
    """The configuration of mihu-trunk-exporter."""

    shared: Defaults = key("Settings of every workspace.", Defaults, alias="global")
    workspaces: tuple[SkipValidation[Workspace], ...] = key("The workspaces that are polled.", ())
    workspace_files: tuple[values.FilePattern, ...] = key(
        "Files with more workspaces, each a list; relative to this file.", ()
    )
    metrics: Metrics = key("Contents of the trunk series.", Metrics)
    web: Web = key("Contents of the status page.", Web)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``total`` exporters that share the workspaces, so that exactly one polls each; ``ordinal`` is from 0."""

    ordinal: int = 0
    total: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.ordinal < self.total:
            raise ValueError(f"there is no shard {self}; shards are counted from 0")

    def __str__(self) -> str:
        return f"{self.ordinal} of {self.total}"

    def owner(self, workspace: str) -> "Shard":
        """Return the shard that polls a workspace.

        Rendezvous hashing: every shard has a weight for every name, and the heaviest takes it. When the number of
        shards changes, only the workspaces of the added or removed shard move.
        """

        def weight(ordinal: int) -> bytes:
            return blake2b(f"{ordinal}/{workspace}".encode(), digest_size=8).digest()

        return replace(self, ordinal=max(range(self.total), key=weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedConfig:
    """A valid configuration; with several shards, the share of one."""

    workspaces: tuple[Workspace, ...]
    elsewhere: Mapping[str, Shard] = field(default_factory=dict)  # the shards of the other workspaces, by name
    metrics: Metrics = field(default_factory=Metrics)
    web: Web = field(default_factory=Web)
    shard: Shard = field(default_factory=Shard)
    hash: int = 0  # of the files
    warnings: tuple[str, ...] = ()  # for the log

    def share(self, shard: Shard) -> "ValidatedConfig":
        """Return the share of one shard."""
        owners = {workspace.name: shard.owner(workspace.name) for workspace in self.workspaces}
        own = tuple(workspace for workspace in self.workspaces if owners[workspace.name] == shard)
        elsewhere = {name: owner for name, owner in owners.items() if owner != shard}
        return replace(self, workspaces=own, elsewhere=elsewhere, shard=shard)


def shown(config: ValidatedConfig) -> str:
    """Return all settings in force as YAML that can be loaded again; nothing is inherited.

    Tokens, passwords and the paths of private keys are shown as ``<secret>``.
    """
    document = {
        "workspaces": [_workspace(workspace) for workspace in config.workspaces],
        "metrics": Metrics.adapter().dump_python(config.metrics, mode="json"),
        **({"web": {"links": config.web.links}} if config.web.links else {}),
    }
    return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


def _workspace(workspace: Workspace) -> dict[str, Any]:
    dump = partial(Workspace.adapter().dump_python, workspace, mode="json", by_alias=True)
    whole, changed = dump(exclude_none=True), dump(exclude_defaults=True)
    first = {key: whole[key] for key in ("name", "base_url", "authorization")}
    keys = first | whole | {key: changed.get(key) for key in _SHOWN_IF_CHANGED}
    return {key: value for key, value in keys.items() if value not in (None, "", {}, [])}


def json_schema() -> str:
    schema = Document.adapter().json_schema(schema_generator=SchemaGenerator)
    workspaces = schema["properties"]["workspaces"]
    definitions = schema.pop("$defs") | {"Workspace": workspaces["items"]}
    workspaces["items"] = {"$ref": "#/$defs/Workspace"}
    whole = {"$schema": SchemaGenerator.schema_dialect} | schema | {"$defs": definitions}
    return json.dumps(whole, indent=2, ensure_ascii=False)
