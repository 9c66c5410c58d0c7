"""Loads a configuration, from files or from environment variables, and reports all its problems at once."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from glob import glob, has_magic
from hashlib import sha256
from pathlib import Path

from exporter.config.addresses import DOMAIN, sends_unencrypted, with_environment
from exporter.config.certificates import check_files, warn_of_readers
from exporter.config.credentials import Credentials, CredentialsError, FileCredentials
from exporter.config.files import Source, read_source
from exporter.config.problems import ConfigError, Place, did_you_mean, kind, quoted
from exporter.config.settings import (
    HOW_TO_AUTHORIZE,
    TLS,
    Defaults,
    Document,
    Match,
    PollSettings,
    Proxy,
    ValidatedConfig,
    Workspace,
    WorkspaceKeys,
)
from exporter.config.validation import Written, read, read_document
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
    """Load the configuration in a file and in the files that it names; a ConfigError has every problem.

    A pattern of ``metrics.deny`` that matches none of the ``deniable`` families is a warning. So is a token that cannot
    be read: a secret may be mounted after the start.
    """
    return _load(read_source(Place(str(path))), deniable)


def load_plain(document: object, name: str, deniable: Collection[str] = ()) -> ValidatedConfig:
    """Load the configuration in plain objects; its problems have a name instead of a file's."""
    return _load(Source(Place(name), repr(document).encode(), document), deniable)


def names_a_workspace() -> bool:
    return any(os.environ.get(_VARIABLES[key]) for key in ("subdomain", "base_url"))


def load_environment(deniable: Collection[str] = ()) -> ValidatedConfig:
    """Load the configuration of one workspace from environment variables; the problems name the variables."""
    values = {key: value for key, variable in _VARIABLES.items() if (value := os.environ.get(variable))}
    authorization = {key: values.pop(key) for key in ("credentials_file", "credentials_env") if key in values}
    if "credentials_env" in authorization or not authorization:
        authorization["credentials_env"] = _VARIABLES["credentials_env"]
    if "subdomain" not in values:
        host = values["base_url"].partition("://")[2].partition("/")[0].rpartition("@")[2]
        values["name"] = host or values["base_url"]
    document = {"workspaces": [values | {"authorization": authorization}]}
    try:
        return load_plain(document, ENVIRONMENT, deniable)
    except ConfigError as error:
        variables = _VARIABLES | {"name": _VARIABLES["base_url"]}
        problems = (replace(each, path=variables.get(each.path.rpartition(".")[2], "")) for each in error.problems)
        raise ConfigError(tuple(dict.fromkeys(problems))) from error


def _load(source: Source, deniable: Collection[str]) -> ValidatedConfig:
    written = read_document(Document, source, ", such as config.yaml from the project")
    document, place = written.section, written.place
    files: list[Source] = []
    for path in _find_files(document.workspace_files, place.key("workspace_files")):
        with suppress(ConfigError):  # a finding already
            files.append(read_source(Place(str(path), findings=place.findings)))
    entries = [*_read_workspaces(document.workspaces, place.key("workspaces"))]
    for file in files:
        entries += _read_workspaces(file.value, file.place)
    if not (written.places.keys() | written.wrong) & {"workspaces", "workspace_files"}:
        place.problem("no workspaces: list them under workspaces, or name files with workspace_files")
    elif not entries:
        place.warning("there are no workspaces, so nothing is polled")
    workspaces = _resolve(entries, _read_shared(written, source))
    for index, pattern in enumerate(document.metrics.deny):
        if deniable and not any(map(pattern.matches, deniable)):
            place.key("metrics", "deny", index).warning(
                f"{quoted(pattern.text)} matches no per-trunk family; only those can be denied"
                f"{did_you_mean(pattern.text, deniable)}"
            )
    if place.findings.problems:
        raise place.findings.error()
    content = repr([each.content for each in (source, *files)]).encode()
    return ValidatedConfig(
        workspaces=workspaces,
        metrics=document.metrics,
        web=document.web,
        hash=int.from_bytes(sha256(content).digest()[:6]),  # 48 bits, which a sample, a float64, represents exactly
        warnings=tuple(place.findings.warnings),
    )


def _read_shared(written: Written[Document], source: Source) -> Written[Defaults]:
    """Read ``global`` by itself, as workspaces are, for the places of its keys."""
    place = written.place.key("global")
    shared = read(Defaults, source.value.get("global") or {}, place)
    if shared is None or ("global" in written.wrong and "global" not in source.value):
        return Written(Defaults(), place, {}, frozenset(Defaults.keys()))
    return shared


def _find_files(patterns: Sequence[str], place: Place) -> tuple[Path, ...]:
    """Return the matching files, each once, sorted within a pattern.

    A pattern without a match is a warning, because a folder of workspaces may be empty; a missing file is a problem.
    """
    found: list[Path] = []
    for index, pattern in enumerate(patterns):
        # Path.glob refuses absolute patterns, and takes what is special in the directory's own name for a pattern.
        names = glob(pattern, root_dir=place.directory, recursive=True)  # noqa: PTH207 - see above
        files = [path for path in sorted(map(place.directory.joinpath, names)) if not os.path.isdir(path)]  # noqa: PTH112 - Path's may raise
        if not files and has_magic(pattern):
            place.key(index).warning(f"{quoted(pattern)} matches no file")
        elif not files:
            place.key(index).problem(f"there is no file {place.directory / pattern}")
        found += files
    return tuple(dict.fromkeys(found))


def _read_workspaces(items: object, place: Place) -> Iterator[Written[WorkspaceKeys]]:
    if not isinstance(items, list | tuple):
        place.problem(f'is {kind(items)}; a file of workspaces holds a list ("- " before each), or [] for none')
        return
    for index, item in enumerate(items):
        if (entry := read(WorkspaceKeys, item, place.key(index))) is not None:
            yield entry


def _resolve(entries: Sequence[Written[WorkspaceKeys]], shared: Written[Defaults]) -> tuple[Workspace, ...]:
    _check_sections(shared)
    workspaces = []
    named: dict[str, Place] = {}
    credentials: dict[Place, Credentials] = {}
    for own in entries:
        _check_sections(own)
        inherited = {name: getattr(shared.section, name) for name in shared.places.keys() - own.places.keys()}
        section = replace(own.section, **inherited)
        entry = Written(section, own.place, shared.places | own.places, own.wrong | shared.wrong)
        place, name = entry.place, entry.section.name or entry.section.subdomain
        if name is not None and (earlier := named.setdefault(name, place)) != place:
            place.problem(f"has the same name, {quoted(name)}, as {earlier}; give it another")
        if (workspace := _workspace(entry, name)) is not None:
            workspaces.append(workspace)
            credentials[entry.places["authorization"]] = workspace.credentials
    for place, source in credentials.items():
        try:
            if isinstance(source, FileCredentials):
                warn_of_readers(source.content().mode, place.key("credentials_file"))
            source.read()
        except CredentialsError as error:
            place.warning(str(error))
    return tuple(workspaces)


def _check_sections(written: Written[Defaults]) -> None:
    """Check sections that do not depend on other keys."""
    keys, place = written.section, written.place
    if keys.tls_config is not None:
        check_files(keys.tls_config, place.key("tls_config"))
        if keys.tls_config.insecure_skip_verify:
            place.key("tls_config", "insecure_skip_verify").warning(
                "anyone between here and the server can pose as it and read the token; trust its authority with "
                "ca_file instead"
            )
    if keys.authorization is not None and keys.authorization.credentials is not None:
        place.key("authorization", "credentials").warning(
            "the token is in the configuration, where everyone who can read the file sees it; "
            "use credentials_file or credentials_env instead"
        )
    if key := "agent_uuid" if keys.filter.agent_uuid else "channel" if keys.filter.channel else None:
        hidden = "every channel" if key == "agent_uuid" else keys.filter.channel
        place.key("filter", key).warning(
            "a trunk that loses the binding leaves the list instead of showing as unbound, so the expected and "
            f"unbound metrics leave out {hidden}"
        )
    rules, expect = keys.expect, place.key("expect")
    catch_all = next((index for index, rule in enumerate(rules) if rule.match == Match()), len(rules))
    for index in range(catch_all + 1, len(rules)):
        expect.key(index).warning(
            f"never applies, because {expect.key(catch_all).path} matches every trunk; move that to the end"
        )


def _workspace(entry: Written[WorkspaceKeys], name: str | None) -> Workspace | None:
    """Return the settings of a workspace; None if they are incomplete, which is a problem."""
    keys = entry.section
    if name is None and keys.base_url is not None and "name" not in entry.wrong:
        entry.place.problem("has no name; beside base_url a name is needed, for the label of the workspace")
    if keys.authorization is None and "authorization" not in entry.wrong:
        entry.place.problem(f"has no authorization, here or in global; write one with {HOW_TO_AUTHORIZE}")
    if keys.per_page > _DOCUMENTED_PER_PAGE:
        entry.places["per_page"].warning(
            f"{keys.per_page} is more than the {_DOCUMENTED_PER_PAGE} that the API documents; "
            "it may send fewer trunks a page, or refuse"
        )
    durations = _durations(entry)
    address = keys.base_url or (keys.subdomain and f"https://{keys.subdomain}.{DOMAIN}")
    if keys.base_url is not None and keys.subdomain is not None:
        entry.place.problem("has subdomain and base_url; keep one of them")
        return None
    if address is None:
        if entry.wrong.isdisjoint({"subdomain", "base_url"}):
            advice = "write subdomain: acme for https://acme.mihu.ai"
            entry.place.problem(f"has neither subdomain nor base_url; {advice}")
        return None
    proxy = _proxy(entry, address)
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


def _proxy(entry: Written[WorkspaceKeys], address: str) -> Proxy:
    """Return the proxy of a workspace with this address; sending the token unencrypted has to be allowed."""
    keys = entry.section
    proxy = Proxy(url=keys.proxy_url.reveal if keys.proxy_url else None, no_proxy=keys.no_proxy)
    if keys.proxy_from_environment:
        proxy = with_environment(proxy, address, entry.places["proxy_from_environment"])
    if sends_unencrypted(address, proxy):
        place = entry.place.key("base_url")
        if keys.allow_http:
            place.warning("the token is sent unencrypted, as allow_http allows")
        else:
            advice = "write https://, or allow_http: true if the network is trusted"
            place.problem(f"would send the token unencrypted; {advice}")
    return proxy


def _durations(entry: Written[WorkspaceKeys]) -> dict[str, float]:
    """Return the durations that depend on each other; it is a problem if they contradict each other."""
    if not entry.wrong.isdisjoint({"poll_interval", "poll_timeout", "request_timeout", "max_staleness"}):
        return {}
    keys, interval = entry.section, entry.section.poll_interval
    timeout = keys.poll_timeout if "poll_timeout" in entry.places else interval * 5 / 6
    staleness = keys.max_staleness if "max_staleness" in entry.places else interval * _STALENESS
    if timeout > interval:
        why = "is longer than {}; a poll has to end before the next one begins"
        _contradiction("poll_timeout", timeout, why, entry)
    if staleness < interval * _MIN_STALENESS:
        why = (
            "is less than twice {}, so that one failed poll would hide the workspace; "
            f"write at least {format_duration(interval * _MIN_STALENESS)}"
        )
        _contradiction("max_staleness", staleness, why, entry)
    return {"poll_timeout": timeout, "request_timeout": min(keys.request_timeout, timeout), "max_staleness": staleness}


def _contradiction(name: str, seconds: float, why: str, entry: Written[WorkspaceKeys]) -> None:
    """Add a problem about a duration and ``poll_interval``, at the workspace's key if it has one of them."""

    def shown(name: str, seconds: float) -> str:
        place = entry.places.get(name)
        origin = ", the default" if place is None else ", from global" if place != entry.place.key(name) else ""
        return f"{name} ({format_duration(seconds)}{origin})"

    interval = shown("poll_interval", entry.section.poll_interval)
    written = [entry.places[key] for key in (name, "poll_interval") if key in entry.places]
    place = min(written, key=lambda place: place.keys[:-1] != entry.place.keys)
    place.problem(f"{shown(name, seconds)} {why.format(interval)}")
