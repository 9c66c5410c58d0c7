"""From the keys as they are written to the settings in force, and the checks that concern several keys."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from exporter.config import addresses
from exporter.config.certificates import check_tls, warn_of_readers
from exporter.config.credentials import Credentials, CredentialsError, FileCredentials
from exporter.config.durations import format_duration
from exporter.config.model import (
    HOW_TO_AUTHORIZE,
    TLS,
    Defaults,
    ExpectRule,
    Filter,
    Match,
    Metrics,
    PollSettings,
    WorkspaceKeys,
)
from exporter.config.problems import Findings, Place
from exporter.config.proxies import resolve_proxy
from exporter.config.settings import Workspace
from exporter.config.wording import did_you_mean, quoted

_DOCUMENTED_PER_PAGE = 100
_STALENESS = 5  # poll intervals
_LEAST_STALENESS = 2  # poll intervals; with less, one failed poll hides the workspace


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says, ``global`` or a workspace, and which keys are written there."""

    keys: Defaults
    written: frozenset[str]
    place: Place

    @classmethod
    def of(cls, keys: Defaults, written: Mapping[str, Any], place: Place) -> Self:
        """Make one from what is written."""
        return cls(keys, frozenset(key for key, value in written.items() if value is not None), place)


@dataclass(frozen=True, slots=True)
class Layers:
    """A workspace's own keys, over those of ``global``."""

    own: Layer
    shared: Layer
    findings: Findings

    @property
    def in_force(self) -> WorkspaceKeys:
        """Every key, inherited or by default where the workspace does not have it."""
        written = {name: getattr(layer.keys, name) for layer in (self.shared, self.own) for name in layer.written}
        return WorkspaceKeys(**written)

    @property
    def name(self) -> str | None:
        """The name, by default the subdomain as it is in the address; None where there is neither."""
        keys = self.in_force
        return keys.name or (keys.subdomain and keys.subdomain.lower())

    def is_written(self, name: str) -> bool:
        """Tell whether a key stands in the workspace or in what it inherits."""
        return name in self.own.written or name in self.shared.written

    def place(self, *names: str) -> Place:
        """Return where the first of these keys stands, sought in the workspace and then in what it inherits."""
        return next(
            layer.place.key(name) for layer in (self.own, self.shared) for name in names if name in layer.written
        )

    def shown(self, name: str, seconds: float) -> str:
        """Return a duration, as messages show it, with where it comes from."""
        origin = ", from global" if name in self.shared.written else ", the default"
        return f"{name} ({format_duration(seconds)}{'' if name in self.own.written else origin})"

    def wrong(self, *names: str) -> bool:
        """Return whether one of the keys has been found wrong, here or where it is inherited from."""
        return self.findings.wrong(*(layer.place.key(name) for layer in (self.own, self.shared) for name in names))


def check_sections(layer: Layer, findings: Findings) -> None:
    """Check what stands in one place, each section by itself."""
    keys, place = layer.keys, layer.place
    if keys.tls_config is not None:
        check_tls(keys.tls_config, place.key("tls_config"), findings)
    if keys.authorization is not None and keys.authorization.credentials is not None:
        findings.warning(
            place.key("authorization").key("credentials"),
            "the token stands in the configuration, where everyone who reads that sees it; "
            "better use credentials_file or credentials_env",
        )
    _check_filter(keys.filter, place.key("filter"), findings)
    _check_rules(keys.expect, place.key("expect"), findings)


def _check_filter(written: Filter, place: Place, findings: Findings) -> None:
    leaves = "a trunk that loses the binding leaves the list instead of showing as unbound, so the expected and"
    if written.agent_uuid is not None:
        findings.warning(place.key("agent_uuid"), f"{leaves} unbound metrics leave out every channel")
    elif written.channel is not None:
        findings.warning(place.key("channel"), f"{leaves} unbound metrics leave out {written.channel}")


def _check_rules(rules: tuple[ExpectRule, ...], place: Place, findings: Findings) -> None:
    catch_all = next((index for index, rule in enumerate(rules) if rule.match == Match()), len(rules))
    for index in range(catch_all + 1, len(rules)):
        findings.warning(
            place.item(index),
            f"never applies, because {place.item(catch_all).path} matches every trunk; move that to the end",
        )


def check_metrics(metrics: Metrics, place: Place, deniable: Collection[str], findings: Findings) -> None:
    """Warn of patterns that match none of the ``deniable`` families."""
    for index, pattern in enumerate(metrics.deny):
        if deniable and not any(map(pattern.matches, deniable)):
            findings.warning(
                place.key("deny").item(index),
                f"{quoted(pattern.text)} matches no family of single trunks, and others are never left out"
                f"{did_you_mean(pattern.text, deniable)}",
            )


def check_token(credentials: Credentials, place: Place, findings: Findings) -> None:
    """Warn of a token that cannot be read, or that others can read too."""
    try:
        if isinstance(credentials, FileCredentials):
            content = credentials.content(credentials.begin_reading())
            warn_of_readers(content.mode, place.key("credentials_file"), findings)
            credentials.token_in(content)
        else:
            credentials.read()
    except CredentialsError as error:
        findings.warning(place, str(error))


def resolve_workspace(name: str | None, layers: Layers, findings: Findings) -> Workspace | None:
    """Return the settings of a workspace; None, and problems, where they cannot be used."""
    keys, place = layers.in_force, layers.own.place
    if name is None and keys.base_url is not None and not findings.wrong(place.key("name")):
        findings.problem(place, "has no name; beside base_url a name is needed, for the label of the workspace")
    if keys.authorization is None and not layers.wrong("authorization"):
        findings.problem(place, f"has no authorization, here or in global; write one with {HOW_TO_AUTHORIZE}")
    if keys.per_page > _DOCUMENTED_PER_PAGE:
        findings.warning(
            layers.place("per_page"),
            f"{keys.per_page} is more than the {_DOCUMENTED_PER_PAGE} that the API documents; "
            "it may send fewer trunks a page, or refuse",
        )
    durations = _resolve_durations(layers, keys, findings)
    address = _resolve_address(layers, keys, findings)
    if address is None:
        return None
    proxy = resolve_proxy(keys, layers.place, address, findings)
    if name is None or keys.authorization is None:
        return None
    return Workspace(
        name=name,
        base_url=address,
        credentials=keys.authorization.source,
        tls=keys.tls_config or TLS(),
        proxy=proxy,
        **{each.name: getattr(keys, each.name) for each in fields(PollSettings)} | durations,
    )


def _resolve_address(layers: Layers, keys: WorkspaceKeys, findings: Findings) -> str | None:
    place = layers.own.place
    if keys.subdomain is not None and keys.base_url is not None:
        findings.problem(place, "has subdomain and base_url; keep one of them")
        return None
    key = "subdomain" if keys.base_url is None else "base_url"
    try:
        if keys.subdomain is not None:
            return addresses.subdomain_url(keys.subdomain)
        if keys.base_url is not None:
            address = addresses.base_url(keys.base_url, allow_http=keys.allow_http)
            if addresses.sends_unencrypted(address):
                findings.warning(place.key(key), "the token is sent unencrypted, as allow_http allows")
            return address
    except ValueError as error:
        findings.problem(place.key(key), str(error))
        return None
    if not findings.wrong(place.key("subdomain"), place.key("base_url")):
        findings.problem(place, "has neither subdomain nor base_url; write subdomain: acme for https://acme.mihu.ai")
    return None


def _resolve_durations(layers: Layers, keys: WorkspaceKeys, findings: Findings) -> dict[str, float]:
    """Return the durations whose defaults follow from others; a problem where two cannot stand together."""
    if layers.wrong("poll_interval", "poll_timeout", "request_timeout", "max_staleness"):
        return {}
    interval = keys.poll_interval
    timeout = keys.poll_timeout if layers.is_written("poll_timeout") else interval * 5 / 6
    staleness = keys.max_staleness if layers.is_written("max_staleness") else interval * _STALENESS
    shown_interval = layers.shown("poll_interval", interval)
    if timeout > interval:
        findings.problem(
            layers.place("poll_timeout", "poll_interval"),
            f"{layers.shown('poll_timeout', timeout)} is longer than {shown_interval}; "
            "a poll has to end before the next one begins",
        )
    if staleness < interval * _LEAST_STALENESS:
        findings.problem(
            layers.place("max_staleness", "poll_interval"),
            f"{layers.shown('max_staleness', staleness)} is less than twice {shown_interval}, so that one failed poll "
            f"would hide the workspace; write at least {format_duration(interval * _LEAST_STALENESS)}",
        )
    return {
        "poll_timeout": timeout,
        "request_timeout": min(keys.request_timeout, timeout),
        "max_staleness": staleness,
    }
