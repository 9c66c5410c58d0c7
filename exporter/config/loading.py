"""Loads a configuration, from files or from environment variables, and reports all its problems at once."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from glob import glob, has_magic
from pathlib import Path

from exporter.config.files import Source, hash_of, read_source
from exporter.config.problems import ConfigError, Findings, Place, did_you_mean, kind, quoted
from exporter.config.resolving import resolve
from exporter.config.settings import Defaults, Document, Metrics, ValidatedConfig, WorkspaceKeys
from exporter.config.validation import Written, read, read_document

ENVIRONMENT = "the environment"  # instead of the name of a file

_VARIABLES = {
    "subdomain": "MIHU_SUBDOMAIN",
    "base_url": "MIHU_BASE_URL",
    "credentials_env": "MIHU_API_TOKEN",
    "credentials_file": "MIHU_API_TOKEN_FILE",
}


def load(path: Path, deniable: Collection[str] = ()) -> ValidatedConfig:
    """Load the configuration in a file and in the files that it names.

    Patterns of ``metrics.deny`` that match none of the ``deniable`` families are warned about, where these are known.
    A token that cannot be read is a warning only, because it may come later, as from a secret that is mounted after
    the start.

    Raises:
        ConfigError: it cannot be used; has every problem.
    """
    findings = Findings()
    return _load(read_source(path, findings), deniable, findings)


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
        return _load(Source(Place(ENVIRONMENT), repr(document).encode(), document), deniable, Findings())
    except ConfigError as error:
        variables = _VARIABLES | {"name": _VARIABLES["base_url"]}
        problems = (replace(each, path=variables.get(each.path.rpartition(".")[2], "")) for each in error.problems)
        raise ConfigError(tuple(dict.fromkeys(problems))) from error


def _load(source: Source, deniable: Collection[str], findings: Findings) -> ValidatedConfig:
    written = read_document(Document, source, findings, ", such as config.yaml from the project")
    document, place = written.section, written.place
    at = place.key("global")  # read by itself, as workspaces are, for the places of its keys
    shared = read(Defaults, source.value.get("global") or {}, at, findings) or Written(Defaults(), at, {})
    files: list[Source] = []
    for path in _find_files(document.workspace_files, place.key("workspace_files"), findings):
        with suppress(ConfigError):  # a finding already
            files.append(read_source(path, findings))
    entries = [*_read_workspaces(document.workspaces, place.key("workspaces"), findings)]
    for file in files:
        entries += _read_workspaces(file.value, file.place, findings)
    if not findings.wrong(place.key("workspaces"), place.key("workspace_files")):
        if not written.places.keys() & {"workspaces", "workspace_files"}:
            findings.problem(place, "no workspaces: list them under workspaces, or name files with workspace_files")
        elif not entries:
            findings.warning(place, "there are no workspaces, so nothing is polled")
    workspaces = resolve(entries, shared, findings)
    _check_metrics(document.metrics, place.key("metrics"), deniable, findings)
    if findings.problems:
        raise ConfigError(findings.problems)
    return ValidatedConfig(
        workspaces=workspaces,
        metrics=document.metrics,
        web=document.web,
        hash=hash_of((source, *files)),
        warnings=findings.warnings,
    )


def _find_files(patterns: Sequence[str], place: Place, findings: Findings) -> tuple[Path, ...]:
    """Return the files that match, each once, sorted within a pattern.

    A folder of workspaces may be empty, so a pattern that matches nothing is a warning; a file that is named should be
    there.
    """
    found: list[Path] = []
    for index, pattern in enumerate(patterns):
        if has_magic(pattern):
            # Path.glob refuses absolute patterns, and takes what is special in the directory's own name for a pattern.
            names = glob(pattern, root_dir=place.directory, recursive=True)  # noqa: PTH207 - see above
            files = [path for path in sorted(map(place.directory.joinpath, names)) if not os.path.isdir(path)]  # noqa: PTH112 - Path's may raise
            if not files:
                findings.warning(place.key(index), f"{quoted(pattern)} matches no file")
        else:
            files = [place.directory / pattern]
            try:
                files[0].stat()
            except FileNotFoundError:
                findings.problem(place.key(index), f"there is no file {files.pop()}")
            except OSError:
                pass  # reported where it is read
        found += files
    return tuple(dict.fromkeys(found))


def _read_workspaces(items: object, place: Place, findings: Findings) -> Iterator[Written[WorkspaceKeys]]:
    if not isinstance(items, list | tuple):
        message = f'is {kind(items)}; a file of workspaces holds a list ("- " before each), or [] for none'
        findings.problem(place, message)
        return
    for index, item in enumerate(items):
        if (entry := read(WorkspaceKeys, item, place.key(index), findings)) is not None:
            yield entry


def _check_metrics(metrics: Metrics, place: Place, deniable: Collection[str], findings: Findings) -> None:
    for index, pattern in enumerate(metrics.deny):
        if deniable and not any(map(pattern.matches, deniable)):
            findings.warning(
                place.key("deny", index),
                f"{quoted(pattern.text)} matches no family of single trunks, and others are never left out"
                f"{did_you_mean(pattern.text, deniable)}",
            )
