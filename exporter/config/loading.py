"""Loads a configuration: reads its files, resolves the settings of each workspace, and reports all problems at once."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from glob import glob, has_magic
from pathlib import Path

from exporter.config.addresses import resolve_address, resolve_proxy
from exporter.config.certificates import begin_reading_files, check_tls, warn_of_readers
from exporter.config.credentials import Credentials, CredentialsError, FileCredentials
from exporter.config.files import Source, hash_of, read_source
from exporter.config.problems import ConfigError, Findings, Place, did_you_mean, kind, quoted
from exporter.config.settings import (
    HOW_TO_AUTHORIZE,
    TLS,
    Defaults,
    Document,
    Match,
    Metrics,
    PollSettings,
    Proxy,
    ValidatedConfig,
    Workspace,
    WorkspaceKeys,
)
from exporter.config.validation import read
from exporter.config.values import format_duration

ENVIRONMENT = "the environment"  # instead of the name of a file

_VARIABLES = {
    "subdomain": "MIHU_SUBDOMAIN",
    "base_url": "MIHU_BASE_URL",
    "credentials_env": "MIHU_API_TOKEN",
    "credentials_file": "MIHU_API_TOKEN_FILE",
}
_DOCUMENTED_PER_PAGE = 100
_STALENESS = 5  # poll intervals
_MIN_STALENESS = 2  # poll intervals; with less, one failed poll hides the workspace


def load(path: Path, deniable: Collection[str] = ()) -> ValidatedConfig:
    """Load the configuration in a file and in the files that it names.

    Patterns of ``metrics.deny`` that match none of the ``deniable`` families are warned about, where these are known.
    A token that cannot be read is a warning only, because it may come later, as from a secret that is mounted after
    the start.

    Raises:
        ConfigError: it cannot be used; has every problem.
    """
    findings = Findings()
    source = read_source(path, findings)
    if source is None:
        raise ConfigError(findings.problems)
    return _load(source, deniable, findings)


def names_a_workspace() -> bool:
    """Return whether environment variables name the workspace that is to be polled."""
    return any(os.environ.get(_VARIABLES[key]) for key in ("subdomain", "base_url"))


def load_environment(deniable: Collection[str] = ()) -> ValidatedConfig:
    """Load the configuration of one workspace from environment variables.

    Raises:
        ConfigError: it cannot be used; its problems name the variables.
    """
    values = {key: value for key, variable in _VARIABLES.items() if (value := os.environ.get(variable))}
    workspace: dict[str, object] = {key: values[key] for key in ("subdomain", "base_url") if key in values}
    if "subdomain" not in values:
        host = values["base_url"].partition("://")[2].partition("/")[0].rpartition("@")[2]
        workspace["name"] = host or values["base_url"]
    authorization = {key: values[key] for key in ("credentials_file", "credentials_env") if key in values}
    if "credentials_env" in values or not authorization:
        authorization["credentials_env"] = _VARIABLES["credentials_env"]
    document = {"workspaces": [workspace | {"authorization": authorization}]}
    try:
        return _load(Source(Path(ENVIRONMENT), repr(document).encode(), document), deniable, Findings())
    except ConfigError as error:
        variables = _VARIABLES | {"name": _VARIABLES["base_url"]}
        problems = (replace(each, path=variables.get(each.path.rpartition(".")[2], "")) for each in error.problems)
        raise ConfigError(tuple(dict.fromkeys(problems))) from error


def _load(source: Source, deniable: Collection[str], findings: Findings) -> ValidatedConfig:
    place, directory, value = source.place, source.path.parent, source.value
    if not isinstance(value, dict):
        findings.problem(
            place,
            f"{_is(value)}; write a mapping with the keys global, workspaces, workspace_files and metrics, "
            "such as config.yaml from the project",
        )
        raise ConfigError(findings.problems)
    document, written = read(Document, value, place, directory, findings) or (Document(), {})
    shared = _layer(document.shared, written.get("global", {}), place.key("global"))
    paths = _find_files(document.workspace_files, place.key("workspace_files"), directory, findings)
    files = [file for path in paths if (file := read_source(path, findings)) is not None]
    entries = [*_read_workspaces(document.workspaces, place.key("workspaces"), directory, findings)]
    for file in files:
        if isinstance(file.value, list):
            entries += _read_workspaces(file.value, file.place, file.path.parent, findings)
        else:
            message = f'{_is(file.value)}; a file of workspaces holds a list ("- " before each), or [] for none'
            findings.problem(file.place, message)
    if not findings.wrong(place.key("workspaces"), place.key("workspace_files")):
        if not written.keys() & {"workspaces", "workspace_files"}:
            findings.problem(place, "no workspaces: list them under workspaces, or name files with workspace_files")
        elif not entries:
            findings.warning(place, "there are no workspaces, so nothing is polled")
    workspaces = _resolve_all(entries, shared, findings)
    _check_metrics(document.metrics, place.key("metrics"), deniable, findings)
    if findings.problems:
        raise ConfigError(findings.problems)
    return ValidatedConfig(
        workspaces=workspaces,
        metrics=document.metrics,
        hash=hash_of((source, *files), directory),
        warnings=findings.warnings,
    )


def _is(value: object) -> str:
    return "is empty" if value is None else f"is {kind(value)}"


def _find_files(patterns: Sequence[str], place: Place, directory: Path, findings: Findings) -> tuple[Path, ...]:
    """Return the files that match, each once, sorted within a pattern.

    A folder of workspaces may be empty, so a pattern that matches nothing is a warning; a file that is named should be
    there.
    """
    found: list[Path] = []
    for index, pattern in enumerate(patterns):
        if has_magic(pattern):
            # Path.glob refuses absolute patterns, and takes what is special in the directory's own name for a pattern.
            names = glob(pattern, root_dir=directory, recursive=True)  # noqa: PTH207 - see above
            files = [path for path in sorted(map(directory.joinpath, names)) if not os.path.isdir(path)]  # noqa: PTH112 - Path's may raise
            if not files:
                findings.warning(place.key(index), f"{quoted(pattern)} matches no file")
        else:
            files = [directory / pattern]
            try:
                files[0].stat()
            except FileNotFoundError:
                findings.problem(place.key(index), f"there is no file {files.pop()}")
            except OSError:
                pass  # reported where it is read
        found += files
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Layer:
    """The keys that a workspace or ``global`` has, or a workspace together with what it inherits.

    Attributes:
        written: the place of each key that is written.
        places: the mappings that the keys are from, the innermost first.
    """

    keys: WorkspaceKeys
    written: Mapping[str, Place]
    places: tuple[Place, ...]

    def over(self, inherited: "_Layer") -> "_Layer":
        values = {name: getattr(layer.keys, name) for layer in (inherited, self) for name in layer.written}
        return _Layer(WorkspaceKeys(**values), {**inherited.written, **self.written}, self.places + inherited.places)

    def wrong(self, findings: Findings, *names: str) -> bool:
        """Return whether there is a problem with one of the keys, here or where it is inherited from."""
        return findings.wrong(*(place.key(name) for place in self.places for name in names))

    def place(self, *names: str) -> Place:
        """Return where the first of these keys is written, in the workspace or else in what it inherits."""
        written = [self.written[name] for name in names if name in self.written]
        return next((place for place in written if place in map(self.places[0].key, names)), written[0])

    @property
    def name(self) -> str | None:
        return self.keys.name or (self.keys.subdomain and self.keys.subdomain.lower())

    def shown(self, name: str, seconds: float) -> str:
        """Return a duration for messages, with where it comes from."""
        own = self.places[0].key(name)
        origin = {None: ", the default", own: ""}.get(self.written.get(name), ", from global")
        return f"{name} ({format_duration(seconds)}{origin})"


def _layer(keys: Defaults, written: Mapping[str, object], place: Place) -> _Layer:
    places = {name: place.key(name) for name, value in written.items() if value is not None}
    return _Layer(WorkspaceKeys(**{name: getattr(keys, name) for name in places}), places, (place,))


def _read_workspaces(items: Sequence[object], place: Place, directory: Path, findings: Findings) -> Iterator[_Layer]:
    for index, item in enumerate(items):
        if (entry := read(WorkspaceKeys, item, place.key(index), directory, findings)) is not None:
            yield _layer(*entry, place.key(index))


def _resolve_all(entries: Sequence[_Layer], shared: _Layer, findings: Findings) -> tuple[Workspace, ...]:
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
        if (workspace := _resolve(layer, findings)) is not None:
            workspaces.append(workspace)
            credentials[layer.written["authorization"]] = workspace.credentials
    for place, source in credentials.items():
        _check_token(source, place, findings)
    return tuple(workspaces)


def _check_sections(layer: _Layer, findings: Findings) -> None:
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


def _check_metrics(metrics: Metrics, place: Place, deniable: Collection[str], findings: Findings) -> None:
    for index, pattern in enumerate(metrics.deny):
        if deniable and not any(map(pattern.matches, deniable)):
            findings.warning(
                place.key("deny", index),
                f"{quoted(pattern.text)} matches no family of single trunks, and others are never left out"
                f"{did_you_mean(pattern.text, deniable)}",
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


def _resolve(layer: _Layer, findings: Findings) -> Workspace | None:
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
    durations = _resolve_durations(layer, findings)
    address = resolve_address(keys.subdomain, keys.base_url, place, findings, allow_http=keys.allow_http)
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


def _resolve_durations(layer: _Layer, findings: Findings) -> dict[str, float]:
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
