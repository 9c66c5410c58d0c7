"""Loads a configuration: every problem in it is found before the first is told."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from glob import glob, has_magic
from pathlib import Path

from exporter.config.certificates import begin_reading_files
from exporter.config.credentials import Credentials, FileCredentials
from exporter.config.environment import environment_source, variable
from exporter.config.model import Document, WorkspaceKeys
from exporter.config.problems import ConfigError, Findings, Place
from exporter.config.resolving import Layer, Layers, check_metrics, check_sections, check_token, resolve_workspace
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.config.validation import read
from exporter.config.wording import kind, quoted
from exporter.config.yaml_files import Source, read_source

_HASH_BYTES = 6  # 48 bits: a float64, which a sample is, holds them exactly


def load(path: Path, deniable: Collection[str] = ()) -> ValidatedConfig:
    """Read, check and resolve the configuration in a file and in the files that it names.

    It is warned of what ``metrics.deny`` does not find among the ``deniable`` families, where these are known.

    A token that cannot be read is a warning only, because it may come later, as from a secret that is mounted
    after the start.

    Raises:
        ConfigError: it cannot be used; has every problem.
    """
    findings = Findings()
    source = read_source(path, findings)
    if source is None:
        raise ConfigError(findings.problems)
    return _load(source, deniable, findings)


def load_environment(deniable: Collection[str] = ()) -> ValidatedConfig:
    """Do the same with what environment variables say of one workspace.

    Raises:
        ConfigError: it cannot be used; its problems name the variables.
    """
    try:
        return _load(environment_source(), deniable, Findings())
    except ConfigError as error:
        problems = (replace(problem, path=variable(problem.path)) for problem in error.problems)
        raise ConfigError(tuple(dict.fromkeys(problems))) from error


def _load(source: Source, deniable: Collection[str], findings: Findings) -> ValidatedConfig:
    place, directory = source.place, source.path.parent
    if not isinstance(source.value, dict):
        what = "is empty" if source.value is None else f"is {kind(source.value)}"
        findings.problem(
            place,
            f"{what}; write a mapping with the keys global, workspaces, workspace_files and metrics, "
            "such as config.yaml from the project",
        )
        raise ConfigError(findings.problems)
    document, written = read(Document, source.value, place, directory, findings) or (Document(), {})
    shared = Layer.of(document.shared, written.get("global", {}), place.key("global"))
    paths = _find_files(document.workspace_files, place.key("workspace_files"), directory, findings)
    files = [file for path in paths if (file := read_source(path, findings)) is not None]
    entries = [
        *_read_list(document.workspaces, place.key("workspaces"), directory, findings),
        *(entry for file in files for entry in _read_workspace_file(file, findings)),
    ]
    if not findings.wrong(place.key("workspaces"), place.key("workspace_files")):
        if not written.keys() & {"workspaces", "workspace_files"}:
            findings.problem(place, "no workspaces: list them under workspaces, or name files with workspace_files")
        elif not entries:
            findings.warning(place, "there are no workspaces, so nothing is polled")
    workspaces = _resolve(entries, shared, findings)
    check_metrics(document.metrics, place.key("metrics"), deniable, findings)
    if findings.problems:
        raise ConfigError(findings.problems)
    return ValidatedConfig(
        workspaces=workspaces,
        metrics=document.metrics,
        hash=_hash(directory, (source, *files)),
        warnings=findings.warnings,
    )


def _find_files(patterns: Sequence[str], place: Place, directory: Path, findings: Findings) -> tuple[Path, ...]:
    """Return the files that match, each once, sorted within a pattern.

    A pattern without a wildcard that matches nothing is a problem, one with a wildcard a warning: a folder of
    workspaces may well be empty, but a file that is named should be there.
    """
    found: dict[Path, None] = {}
    for index, pattern in enumerate(patterns):
        files = _matches(pattern, directory) if has_magic(pattern) else _named(directory / pattern)
        found.update(dict.fromkeys(files))
        if files:
            continue
        if has_magic(pattern):
            findings.warning(place.item(index), f"{quoted(pattern)} matches no file")
        else:
            findings.problem(place.item(index), f"there is no file {directory / pattern}")
    return tuple(found)


def _matches(pattern: str, directory: Path) -> list[Path]:
    # Path.glob refuses absolute patterns, and takes what is special in the directory's own name for a pattern.
    names = glob(pattern, root_dir=directory, recursive=True)  # noqa: PTH207 - see above
    paths = sorted(directory / name for name in names)
    return [path for path in paths if not os.path.isdir(path)]  # noqa: PTH112 - Path's may raise


def _named(path: Path) -> list[Path]:
    """Return the one file, unless it is not there; why else it cannot be read is told where it is read."""
    try:
        path.stat()
    except FileNotFoundError:
        return []
    except OSError:
        pass
    return [path]


def _read_workspace_file(file: Source, findings: Findings) -> Iterable[Layer]:
    if isinstance(file.value, list):
        return _read_list(file.value, file.place, file.path.parent, findings)
    what = "is empty" if file.value is None else f"is {kind(file.value)}"
    findings.problem(file.place, f'{what}; a file of workspaces holds a list ("- " before each), or [] for none')
    return ()


def _read_list(items: Sequence[object], place: Place, directory: Path, findings: Findings) -> Iterator[Layer]:
    for index, item in enumerate(items):
        at = place.item(index)
        if (entry := read(WorkspaceKeys, item, at, directory, findings)) is not None:
            yield Layer.of(*entry, at)


def _resolve(entries: Sequence[Layer], shared: Layer, findings: Findings) -> tuple[Workspace, ...]:
    for layer in (shared, *entries):
        _begin_reading(layer)
    check_sections(shared, findings)
    workspaces = []
    named: dict[str, Place] = {}
    tokens: dict[Place, Credentials] = {}
    for entry in entries:
        check_sections(entry, findings)
        layers = Layers(entry, shared, findings)
        if (name := layers.name) is not None and (earlier := named.setdefault(name, entry.place)) != entry.place:
            findings.problem(
                entry.place,
                f"has the same name as {earlier.seen_from(entry.place)}, {quoted(name)}; give it another",
            )
        workspace = resolve_workspace(name, layers, findings)
        if workspace is not None:
            workspaces.append(workspace)
            tokens[layers.place("authorization")] = workspace.credentials
    for place, credentials in tokens.items():
        check_token(credentials, place, findings)
    return tuple(workspaces)


def _begin_reading(layer: Layer) -> None:
    """Begin to read the files that are about to be checked: of several that hang, all do so at the same time."""
    if layer.keys.authorization is not None and isinstance(layer.keys.authorization.source, FileCredentials):
        layer.keys.authorization.source.begin_reading()
    if layer.keys.tls_config is not None:
        begin_reading_files(layer.keys.tls_config)


def _hash(directory: Path, sources: Iterable[Source]) -> int:
    """Identify what was read, wherever it lies: replicas that mount it elsewhere agree."""
    digest = hashlib.sha256()
    for source in sources:
        name = source.path.relative_to(directory) if source.path.is_relative_to(directory) else source.path
        for part in (str(name).encode(errors="surrogateescape"), source.content):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
    return int.from_bytes(digest.digest()[:_HASH_BYTES])
