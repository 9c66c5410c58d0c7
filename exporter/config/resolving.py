"""Resolves the settings of workspaces from their keys and those of ``global``, with the checks of several keys."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from exporter.config.addresses import DOMAIN, resolve_proxy, sends_unencrypted
from exporter.config.certificates import begin_reading_files, check_tls, warn_of_readers
from exporter.config.credentials import Credentials, CredentialsError, FileCredentials
from exporter.config.problems import Findings, Place, quoted
from exporter.config.settings import (
    HOW_TO_AUTHORIZE,
    TLS,
    Defaults,
    Match,
    PollSettings,
    Proxy,
    Workspace,
    WorkspaceKeys,
)
from exporter.config.values import format_duration

_DOCUMENTED_PER_PAGE = 100
_STALENESS = 5  # poll intervals
_MIN_STALENESS = 2  # poll intervals; with less, one failed poll hides the workspace


@dataclass(frozen=True, slots=True)
class Layer:
    """The keys that a workspace or ``global`` has, or a workspace together with what it inherits.

    Attributes:
        written: the place of each key that is written; of what a workspace inherits in a mapping of its own.
        places: the mappings that the keys are from, the workspace's first.
    """

    keys: WorkspaceKeys
    written: ChainMap[str, Place]
    places: tuple[Place, ...]

    @classmethod
    def of(cls, keys: Defaults, written: Mapping[str, object], place: Place) -> "Layer":
        """Return the keys of the mapping at a place, of which these are written."""
        places = {name: place.key(name) for name, value in written.items() if value is not None}
        return cls(WorkspaceKeys(**{name: getattr(keys, name) for name in places}), ChainMap(places), (place,))

    def over(self, inherited: "Layer") -> "Layer":
        values = {name: getattr(layer.keys, name) for layer in (inherited, self) for name in layer.written}
        written = ChainMap(*self.written.maps, *inherited.written.maps)
        return Layer(WorkspaceKeys(**values), written, self.places + inherited.places)

    def wrong(self, findings: Findings, *names: str) -> bool:
        """Return whether there is a problem with one of the keys, here or where it is inherited from."""
        return findings.wrong(*(place.key(name) for place in self.places for name in names))

    def place(self, *names: str) -> Place:
        """Return where the first of these keys is written, in the workspace or else in what it inherits."""
        return next(places[name] for places in self.written.maps for name in names if name in places)

    @property
    def name(self) -> str | None:
        return self.keys.name or self.keys.subdomain

    def shown(self, name: str, seconds: float) -> str:
        """Return a duration for messages, with where it comes from."""
        inherited = ", from global" if name in self.written else ", the default"
        origin = "" if name in self.written.maps[0] else inherited
        return f"{name} ({format_duration(seconds)}{origin})"


def resolve(entries: Sequence[Layer], shared: Layer, findings: Findings) -> tuple[Workspace, ...]:
    """Return the settings of each workspace, without those that cannot be used."""
    for layer in (shared, *entries):  # of several files that hang, all do so at the same time
        if layer.keys.authorization is not None and isinstance(layer.keys.authorization.source, FileCredentials):
            layer.keys.authorization.source.begin_reading()
        if layer.keys.tls_config is not None:
            begin_reading_files(layer.keys.tls_config)
    _check_sections(shared, findings)
    workspaces = []
    named: dict[str, Place] = {}
    credentials: dict[Place, Credentials] = {}
    for entry in entries:
        _check_sections(entry, findings)
        layer, place = entry.over(shared), entry.places[0]
        name = layer.name
        if name is not None and (earlier := named.setdefault(name, place)) != place:
            findings.problem(place, f"has the same name as {earlier.seen_from(place)}, {quoted(name)}; give it another")
        if (workspace := _workspace(layer, findings)) is not None:
            workspaces.append(workspace)
            credentials[layer.written["authorization"]] = workspace.credentials
    for place, source in credentials.items():
        _check_token(source, place, findings)
    return tuple(workspaces)


def _check_sections(layer: Layer, findings: Findings) -> None:
    """Check the sections that stand in one place, each by itself."""
    keys, (place,) = layer.keys, layer.places
    if keys.tls_config is not None:
        check_tls(keys.tls_config, place.key("tls_config"), findings)
    if keys.authorization is not None and keys.authorization.credentials is not None:
        findings.warning(
            place.key("authorization", "credentials"),
            "the token stands in the configuration, where everyone who reads that sees it; "
            "better use credentials_file or credentials_env",
        )
    if key := "agent_uuid" if keys.filter.agent_uuid else "channel" if keys.filter.channel else None:
        hidden = "every channel" if key == "agent_uuid" else keys.filter.channel
        findings.warning(
            place.key("filter", key),
            "a trunk that loses the binding leaves the list instead of showing as unbound, so the expected and "
            f"unbound metrics leave out {hidden}",
        )
    rules, expect = keys.expect, place.key("expect")
    catch_all = next((index for index, rule in enumerate(rules) if rule.match == Match()), len(rules))
    for index in range(catch_all + 1, len(rules)):
        findings.warning(
            expect.key(index),
            f"never applies, because {expect.key(catch_all).path} matches every trunk; move that to the end",
        )


def _check_token(credentials: Credentials, place: Place, findings: Findings) -> None:
    try:
        if isinstance(credentials, FileCredentials):
            reading = credentials.begin_reading()
            warn_of_readers(credentials.content(reading).mode, place.key("credentials_file"), findings)
            credentials.token(reading)
        else:
            credentials.read()
    except CredentialsError as error:
        findings.warning(place, str(error))


def _workspace(layer: Layer, findings: Findings) -> Workspace | None:
    """Return the settings of a workspace; None, and problems, where they cannot be used."""
    keys, place = layer.keys, layer.places[0]
    if layer.name is None and keys.base_url is not None and not findings.wrong(place.key("name")):
        findings.problem(place, "has no name; beside base_url a name is needed, for the label of the workspace")
    if keys.authorization is None and not layer.wrong(findings, "authorization"):
        findings.problem(place, f"has no authorization, here or in global; write one with {HOW_TO_AUTHORIZE}")
    if keys.per_page > _DOCUMENTED_PER_PAGE:
        findings.warning(
            layer.written["per_page"],
            f"{keys.per_page} is more than the {_DOCUMENTED_PER_PAGE} that the API documents; "
            "it may send fewer trunks a page, or refuse",
        )
    durations = _durations(layer, findings)
    address = _address(keys, place, findings)
    if address is None:
        return None
    proxy = resolve_proxy(
        Proxy(
            url=keys.proxy_url.reveal if keys.proxy_url else None,
            no_proxy=keys.no_proxy,
            from_environment=keys.proxy_from_environment,
        ),
        address,
        layer.written.get("proxy_from_environment" if keys.proxy_from_environment else "no_proxy", place),
        findings,
    )
    if layer.name is None or keys.authorization is None:
        return None
    return Workspace(
        name=layer.name,
        base_url=address,
        credentials=keys.authorization.source,
        tls=keys.tls_config or TLS(),
        proxy=proxy,
        **{each.name: getattr(keys, each.name) for each in fields(PollSettings)} | durations,
    )


def _address(keys: WorkspaceKeys, place: Place, findings: Findings) -> str | None:
    if keys.subdomain is not None and keys.base_url is not None:
        findings.problem(place, "has subdomain and base_url; keep one of them")
        return None
    if keys.base_url is None:
        if keys.subdomain is None and not findings.wrong(place.key("subdomain"), place.key("base_url")):
            findings.problem(
                place, "has neither subdomain nor base_url; write subdomain: acme for https://acme.mihu.ai"
            )
        return keys.subdomain and f"https://{keys.subdomain}.{DOMAIN}"
    if sends_unencrypted(keys.base_url):
        if keys.allow_http:
            findings.warning(place.key("base_url"), "the token is sent unencrypted, as allow_http allows")
        else:
            findings.problem(
                place.key("base_url"),
                "would send the token unencrypted; write https://, or allow_http: true if the network is trusted",
            )
    return keys.base_url


def _durations(layer: Layer, findings: Findings) -> dict[str, float]:
    """Return the durations whose defaults follow from others; a problem where two contradict each other."""
    if layer.wrong(findings, "poll_interval", "poll_timeout", "request_timeout", "max_staleness"):
        return {}
    keys, interval = layer.keys, layer.keys.poll_interval
    timeout = keys.poll_timeout if "poll_timeout" in layer.written else interval * 5 / 6
    staleness = keys.max_staleness if "max_staleness" in layer.written else interval * _STALENESS
    shown_interval = layer.shown("poll_interval", interval)
    if timeout > interval:
        findings.problem(
            layer.place("poll_timeout", "poll_interval"),
            f"{layer.shown('poll_timeout', timeout)} is longer than {shown_interval}; "
            "a poll has to end before the next one begins",
        )
    if staleness < interval * _MIN_STALENESS:
        findings.problem(
            layer.place("max_staleness", "poll_interval"),
            f"{layer.shown('max_staleness', staleness)} is less than twice {shown_interval}, so that one failed poll "
            f"would hide the workspace; write at least {format_duration(interval * _MIN_STALENESS)}",
        )
    return {
        "poll_timeout": timeout,
        "request_timeout": min(keys.request_timeout, timeout),
        "max_staleness": staleness,
    }
