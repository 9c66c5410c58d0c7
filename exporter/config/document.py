"""The YAML document as it is written: nothing resolved, None for what is not there."""

from typing import Annotated, Any, Literal

import msgspec

from exporter.config.leaves import (
    Channels,
    CommaSeparated,
    Duration,
    PathText,
    Positive,
    Regex,
    Regexes,
    SecretText,
    Sensitive,
    StatusRegexes,
    Text,
)
from exporter.config.settings import NumberStyle


class AuthorizationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Where the token is; exactly one key."""

    credentials_file: PathText | None = None
    credentials_env: Text | None = None
    credentials: SecretText | None = None


class TLSDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How the server's certificate is checked, and which one is shown to it."""

    ca_file: PathText | None = None
    cert_file: PathText | None = None
    key_file: PathText | None = None
    server_name: Text | None = None
    insecure_skip_verify: bool | None = None


class FilterDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Which trunks the API is asked for."""

    channel: Literal["call", "whatsapp"] | None = None
    agent_uuid: Text | None = None
    search: Text | None = None


class MatchDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule applies to."""

    number: Regexes | None = None
    type: Regexes | None = None
    country_code: Regexes | None = None
    status: Regexes | None = None


class RuleDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The channels expected on the trunks that match."""

    match: MatchDocument | None = None
    channels: Channels


class StatusesDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What the API's statuses mean."""

    active: StatusRegexes | None = None
    pending: StatusRegexes | None = None
    compliant: StatusRegexes | None = None
    rejected: StatusRegexes | None = None


class RememberDocument(msgspec.Struct, frozen=True, kw_only=True):
    """For how long what was lost is remembered."""

    lost: Duration | None = None
    gone: Duration | None = None


class WorkspaceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What may stand both under ``global`` and in a workspace, which overrides it key by key."""

    poll_interval: Duration | None = None
    poll_timeout: Duration | None = None
    request_timeout: Duration | None = None
    max_staleness: Duration | None = None
    per_page: Positive | None = None
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    max_trunks: Positive | None = None
    verify_total: bool | None = None
    allow_http: bool | None = None
    authorization: Annotated[AuthorizationDocument, Sensitive()] | None = None
    tls_config: TLSDocument | None = None
    proxy_url: SecretText | None = None
    no_proxy: CommaSeparated | None = None
    proxy_from_environment: bool | None = None
    filter: FilterDocument | None = None
    statuses: StatusesDocument | None = None
    remember: RememberDocument | None = None
    expect: tuple[RuleDocument, ...] | None = None


class WorkspaceDocument(WorkspaceSettings, frozen=True, kw_only=True):
    """One workspace."""

    name: Text | None = None
    subdomain: Text | None = None
    base_url: Annotated[Text, Sensitive()] | None = None


class MetricsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What the exposition shows of a trunk."""

    number: NumberStyle | None = None
    agent_names: bool | None = None
    trunk_details: bool | None = None
    deny: tuple[Regex, ...] | None = None


class ConfigDocument(msgspec.Struct, frozen=True, kw_only=True, rename={"shared": "global"}):
    """A whole file."""

    shared: WorkspaceSettings | None = None
    workspaces: tuple[Any, ...] | None = None  # read one by one: each keeps its place, whatever the others hold
    workspace_files: tuple[PathText, ...] | None = None
    metrics: MetricsDocument | None = None
