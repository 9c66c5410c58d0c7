"""Loads a configuration, from files or from environment variables, and reports all its problems at once."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from glob import glob, has_magic
from hashlib import sha256
from pathlib import Path
from typing import Any

from exporter.config.addresses import DOMAIN, proxy_of_environment, sends_unencrypted
from exporter.config.certificates import check_files, warn_of_readers
from exporter.config.credentials import HOW_TO_AUTHORIZE, Authorization, CredentialsError
from exporter.config.files import read_file, read_yaml
from exporter.config.problems import ConfigError, Place, did_you_mean, kind, quoted
from exporter.config.settings import Defaults, Document, Match, ValidatedConfig, Workspace
from exporter.config.validation import Written, read, read_document
from exporter.config.values import Secret, format_duration

ENVIRONMENT = "the environment"  # instead of the name of a file

_VARIABLES = {
    "subdomain": "MIHU_SUBDOMAIN",
    "base_url": "MIHU_BASE_URL",
    "credentials_env": "MIHU_API_TOKEN",
    "credentials_file": "MIHU_API_TOKEN_FILE",
}
_NO_WORKSPACES = "there is no such file any more; restore it, or remove the link to it"
_DOCUMENTED_PER_PAGE = 100
_STALENESS = 5  # poll intervals
_MIN_STALENESS = 2  # poll intervals; with less, one failed poll hides the workspace


def load(path: Path, deniable: Collection[str] = ()) -> ValidatedConfig:
    """Load the configuration in a file and in the files that it names; a ConfigError has every problem.

    A pattern of ``metrics.deny`` that matches none of the ``deniable`` families is a warning. So is a token that cannot
    be read: a secret may be mounted after the start.
    """
    place = Place(str(path))
    return load_plain(read_yaml(place), place, deniable)


def load_plain(value: Any, place: Place, deniable: Collection[str] = ()) -> ValidatedConfig:  # noqa: ANN401 - plain YAML
    """Load the configuration in plain objects, and in the files that it names."""
    if place.file not in place.findings.files:  # repr() of aliases that are nested would never end
        place.findings.files[place.file] = repr(value).encode()
    top = read_document(Document, value, place, ", such as config.yaml from the project")
    document = top.section
    entries = [*_read_workspaces(document.workspaces, place.key("workspaces"))]
    for path in _find_files(document.workspace_files, place.key("workspace_files")):
        more = replace(place, file=str(path))
        with suppress(ConfigError):  # a finding already
            entries += _read_workspaces(read_yaml(more, _NO_WORKSPACES), more)
    if not (top.places.keys() | top.wrong) & {"workspaces", "workspace_files"}:
        place.problem("no workspaces: list them under workspaces, or name files with workspace_files")
    elif not entries:
        place.warning("there are no workspaces, so nothing is polled")
    shared = read(Defaults, value.get("global") or {}, place.key("global"))  # by itself, for the places of its keys
    if "global" in top.wrong and "global" not in value:  # it is misspelt
        shared = replace(shared, wrong=frozenset(Defaults.keys()))
    workspaces = _resolve(entries, shared)
    for index, pattern in enumerate(document.metrics.deny):
        if deniable and not any(map(pattern.matches, deniable)):
            place.key("metrics", "deny", index).warning(
                f"{quoted(pattern.text)} matches no per-trunk family; only those can be denied"
                f"{did_you_mean(pattern.text, deniable)}"
            )
    if place.findings.problems:
        raise place.findings.error()
    content = repr([*place.findings.files.values()]).encode()
    return ValidatedConfig(
        workspaces=workspaces,
        metrics=document.metrics,
        web=document.web,
        hash=int.from_bytes(sha256(content).digest()[:6]),  # 48 bits, which a sample, a float64, represents exactly
        warnings=tuple(place.findings.warnings),
    )


class _Variables(Place):
    """A place in a configuration that is made of environment variables."""

    @property
    def path(self) -> str:
        return (_VARIABLES | {"name": _VARIABLES["base_url"]}).get(str(self.keys[-1]), "")

    def _line(self, message: str) -> str:
        return re.sub(rf"\b({'|'.join(_VARIABLES)})\b", lambda key: _VARIABLES[key[0]], super()._line(message))


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
    return load_plain({"workspaces": [values | {"authorization": authorization}]}, _Variables(ENVIRONMENT), deniable)


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


def _read_workspaces(items: object, place: Place) -> Iterator[Written[Workspace]]:
    if isinstance(items, list | tuple):
        yield from (read(Workspace, item, place.key(index)) for index, item in enumerate(items))
    else:
        place.problem(f'is {kind(items)}; a file of workspaces holds a list ("- " before each), or [] for none')


def _resolve(entries: Sequence[Written[Workspace]], shared: Written[Defaults]) -> tuple[Workspace, ...]:
    """Return the workspaces with what they inherit; an incomplete one is a problem."""
    _check_sections(shared)
    workspaces = []
    named: dict[str, Place] = {}
    credentials: dict[Place, Authorization] = {}
    for own in entries:
        _check_sections(own)
        inherited = {
            each.name: getattr(shared.section, each.name)
            for each in fields(Defaults)
            if each.metadata.get("alias", each.name) in shared.places.keys() - own.places.keys()
        }
        section = replace(own.section, **inherited)
        entry = Written(section, own.place, shared.places | own.places, own.wrong | shared.wrong)
        place, name = entry.place, section.name or section.subdomain
        if name and (earlier := named.setdefault(name, place)) != place:
            place.problem(f"has the same name, {quoted(name)}, as {earlier}; give it another")
        workspaces.append(_workspace(entry))
        if "authorization" in entry.places:
            credentials[entry.places["authorization"]] = section.credentials
    for place, source in credentials.items():
        if source.credentials_file is not None:
            with suppress(OSError):  # read() says why
                warn_of_readers(read_file(source.credentials_file).status, place.key("credentials_file"))
        try:
            source.read()
        except CredentialsError as error:
            place.warning(str(error))
    return tuple(workspaces)


def _check_sections(written: Written[Defaults]) -> None:
    """Check sections that do not depend on other keys."""
    keys, place = written.section, written.place
    check_files(keys.tls, place.key("tls_config"))
    if keys.tls.insecure_skip_verify:
        place.key("tls_config", "insecure_skip_verify").warning(
            "anyone between here and the server can pose as it and read the token; trust its authority with "
            "ca_file instead"
        )
    if keys.credentials.credentials is not None:
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


def _workspace(entry: Written[Workspace]) -> Workspace:
    """Return a workspace with its name, its address, and the durations and the proxy in force."""
    keys, place = entry.section, entry.place
    if not (keys.name or keys.subdomain) and keys.base_url and "name" not in entry.wrong:
        place.problem("has no name; beside base_url a name is needed, for the label of the workspace")
    if "authorization" not in entry.places.keys() | entry.wrong:
        place.problem(f"has no authorization, here or in global; write one with {HOW_TO_AUTHORIZE}")
    if keys.per_page > _DOCUMENTED_PER_PAGE:
        entry.places["per_page"].warning(
            f"{keys.per_page} is more than the {_DOCUMENTED_PER_PAGE} that the API documents; "
            "it may send fewer trunks a page, or refuse"
        )
    if keys.base_url and keys.subdomain:
        place.problem("has subdomain and base_url; keep one of them")
    elif not (keys.base_url or keys.subdomain) and entry.wrong.isdisjoint({"subdomain", "base_url"}):
        place.problem("has neither subdomain nor base_url; write subdomain: acme for https://acme.mihu.ai")
    address = keys.base_url or f"https://{keys.subdomain}.{DOMAIN}"
    keys = replace(keys, name=keys.name or keys.subdomain, subdomain="", base_url=address)
    return _with_durations(_with_proxy(keys, entry), entry)


def _with_proxy(keys: Workspace, entry: Written[Workspace]) -> Workspace:
    """Return a workspace with the proxy of the environment; sending the token unencrypted has to be allowed."""
    if keys.proxy_from_environment and keys.proxy_url is None:
        place = entry.places["proxy_from_environment"]
        url, no_proxy = proxy_of_environment(keys.base_url, keys.no_proxy, place)
        keys = replace(keys, proxy_url=Secret(url) if url else None, no_proxy=no_proxy)
    if sends_unencrypted(keys.base_url, keys.proxy):
        place = entry.place.key("base_url")
        if keys.allow_http:
            place.warning("the token is sent unencrypted, as allow_http allows")
        else:
            advice = "write https://, or allow_http: true if the network is trusted"
            place.problem(f"would send the token unencrypted; {advice}")
    return keys


def _with_durations(keys: Workspace, entry: Written[Workspace]) -> Workspace:
    """Return a workspace with the durations that depend on each other; it is a problem if these are contradictory."""
    if not entry.wrong.isdisjoint({"poll_interval", "poll_timeout", "request_timeout", "max_staleness"}):
        return keys
    interval = keys.poll_interval
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
    request = min(keys.request_timeout, timeout)
    return replace(keys, poll_timeout=timeout, request_timeout=request, max_staleness=staleness)


def _contradiction(name: str, seconds: float, why: str, entry: Written[Workspace]) -> None:
    """Add a problem about a duration and ``poll_interval``, at the workspace's key if it has one of them."""

    def shown(name: str, seconds: float) -> str:
        place = entry.places.get(name)
        origin = ", the default" if place is None else ", from global" if place != entry.place.key(name) else ""
        return f"{name} ({format_duration(seconds)}{origin})"

    written = [entry.places[key] for key in (name, "poll_interval") if key in entry.places]
    place = min(written, key=lambda place: place.keys[:-1] != entry.place.keys)
    place.problem(f"{shown(name, seconds)} {why.format(shown('poll_interval', entry.section.poll_interval))}")
