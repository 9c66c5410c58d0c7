"""Loads a configuration: every problem in it is found before the first is told."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from exporter.config.authorization import check_token
from exporter.config.certificates import begin_reading_files
from exporter.config.conversion import convert
from exporter.config.credentials import Credentials, FileCredentials
from exporter.config.document import ConfigDocument, WorkspaceDocument, WorkspaceSettings
from exporter.config.environment import environment_source, variable
from exporter.config.layers import Layer, Layers
from exporter.config.names import refuse_repeated, resolve_name
from exporter.config.problems import ConfigError, Findings, Place
from exporter.config.reading import Source, read_source
from exporter.config.resolving import resolve_metrics, resolve_workspace
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.config.wording import kind
from exporter.config.workspace_files import find_files

_HASH_BYTES = 6  # 48 bits: a float64, which a sample is, holds them exactly


@dataclass(frozen=True, slots=True)
class _Entry:
    """A workspace as it is written, and where."""

    document: WorkspaceDocument
    place: Place
    directory: Path


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
        raise ConfigError(tuple(problems)) from error


def _load(source: Source, deniable: Collection[str], findings: Findings) -> ValidatedConfig:
    path = source.path
    document = _read_document(source, findings)
    if document is None:
        raise ConfigError(findings.problems)
    files = _read_workspace_files(document, source, findings)
    entries = (
        *_read_list(document.workspaces or (), source.place.key("workspaces"), path.parent, findings),
        *(entry for file in files for entry in _read_workspace_file(file, findings)),
    )
    _expect_workspaces(document, source.place, entries, findings)
    workspaces = _resolve(document.shared or WorkspaceSettings(), source, entries, findings)
    metrics = resolve_metrics(document.metrics, source.place.key("metrics"), deniable, findings)
    if findings.problems:
        raise ConfigError(findings.problems)
    return ValidatedConfig(
        workspaces=workspaces,
        metrics=metrics,
        hash=_hash(path.parent, (source, *files)),
        warnings=findings.warnings,
    )


def _read_document(source: Source, findings: Findings) -> ConfigDocument | None:
    if isinstance(source.value, dict):
        return convert(ConfigDocument, source.value, source.place, findings)
    what = "is empty" if source.value is None else f"is {kind(source.value)}"
    findings.problem(
        source.place,
        f"{what}; write a mapping with the keys global, workspaces, workspace_files and metrics, "
        "such as config.yaml from the project",
    )
    return None


def _read_workspace_files(document: ConfigDocument, source: Source, findings: Findings) -> tuple[Source, ...]:
    paths = find_files(
        document.workspace_files or (), source.place.key("workspace_files"), source.path.parent, findings
    )
    files = (read_source(path, findings) for path in paths)
    return tuple(file for file in files if file is not None)


def _read_workspace_file(file: Source, findings: Findings) -> tuple[_Entry, ...]:
    if isinstance(file.value, list):
        return _read_list(file.value, file.place, file.path.parent, findings)
    what = "is empty" if file.value is None else f"is {kind(file.value)}"
    findings.problem(file.place, f'{what}; a file of workspaces holds a list ("- " before each), or [] for none')
    return ()


def _read_list(items: Sequence[object], place: Place, directory: Path, findings: Findings) -> tuple[_Entry, ...]:
    places = [place.item(index) for index in range(len(items))]
    documents = [convert(WorkspaceDocument, item, at, findings) for item, at in zip(items, places, strict=True)]
    return tuple(
        _Entry(document, at, directory) for document, at in zip(documents, places, strict=True) if document is not None
    )


def _expect_workspaces(document: ConfigDocument, place: Place, entries: Sequence[_Entry], findings: Findings) -> None:
    lists = (place.key("workspaces"), place.key("workspace_files"))
    if findings.wrong(*lists):
        return
    if document.workspaces is None and document.workspace_files is None:
        findings.problem(place, "no workspaces: list them under workspaces, or name files with workspace_files")
    elif not entries:
        findings.warning(place, "there are no workspaces, so nothing is polled")


def _resolve(
    shared: WorkspaceSettings, source: Source, entries: Sequence[_Entry], findings: Findings
) -> tuple[Workspace, ...]:
    _begin_reading(shared, source.path.parent)
    for entry in entries:
        _begin_reading(entry.document, entry.directory)
    inherited = Layer.read(shared, source.place.key("global"), source.path.parent, findings)
    names = [resolve_name(entry.document, entry.place, findings) for entry in entries]
    refuse_repeated(zip((entry.place for entry in entries), names, strict=True), findings)
    workspaces = []
    tokens: dict[Place, Credentials] = {}
    for entry, name in zip(entries, names, strict=True):
        layers = Layers(Layer.read(entry.document, entry.place, entry.directory, findings), inherited)
        workspace = resolve_workspace(name, entry.document, layers, findings)
        if workspace is not None:
            workspaces.append(workspace)
            tokens[layers.place("authorization")] = workspace.credentials
    for place, credentials in tokens.items():
        check_token(credentials, place, findings)
    return tuple(workspaces)


def _begin_reading(settings: WorkspaceSettings, directory: Path) -> None:
    """Begin to read the files that are about to be checked: of several that hang, all do so at the same time."""
    if settings.authorization is not None and settings.authorization.credentials_file is not None:
        FileCredentials(directory / settings.authorization.credentials_file).begin_reading()
    if settings.tls_config is not None:
        begin_reading_files(settings.tls_config, directory)


def _hash(directory: Path, sources: Iterable[Source]) -> int:
    """Identify what was read, wherever it lies: replicas that mount it elsewhere agree."""
    digest = hashlib.sha256()
    for source in sources:
        name = source.path.relative_to(directory) if source.path.is_relative_to(directory) else source.path
        for part in (str(name).encode(errors="surrogateescape"), source.content):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
    return int.from_bytes(digest.digest()[:_HASH_BYTES])
