"""A workspace's settings over those of ``global``, each setting with the place it comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from exporter.config.document import WorkspaceSettings
from exporter.config.problems import Findings, Place
from exporter.config.sections import Sections, read_sections


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says: its plain settings as written, its sections checked."""

    settings: WorkspaceSettings
    sections: Sections
    place: Place

    @classmethod
    def read(cls, settings: WorkspaceSettings, place: Place, directory: Path, findings: Findings) -> Self:
        """Check what stands in one place."""
        return cls(settings, read_sections(settings, place, directory, findings), place)


@dataclass(frozen=True, slots=True)
class Layers:
    """A workspace's own settings, and those that it inherits where it has none."""

    own: Layer
    inherited: Layer

    @property
    def settings(self) -> WorkspaceSettings:
        """The settings in force, defaults not filled in."""
        names = WorkspaceSettings.__struct_fields__
        own = {name: getattr(self.own.settings, name) for name in names}
        inherited = {name: getattr(self.inherited.settings, name) for name in names}
        return WorkspaceSettings(**{name: inherited[name] if own[name] is None else own[name] for name in names})

    @property
    def sections(self) -> Sections:
        """The sections in force."""
        return self.own.sections.over(self.inherited.sections)

    def place(self, *names: str) -> Place:
        """Return where the first of these settings stands, sought in the workspace and then in what it inherits."""
        return next(
            layer.place.key(name)
            for layer in (self.own, self.inherited)
            for name in names
            if getattr(layer.settings, name) is not None
        )

    def origin(self, name: str) -> str:
        """Return what a message adds to the value of a setting that the workspace does not have itself."""
        if getattr(self.own.settings, name) is not None:
            return ""
        return ", the default" if getattr(self.inherited.settings, name) is None else ", from global"

    def wrong(self, findings: Findings, *names: str) -> bool:
        """Return whether one of the settings has been found wrong, here or where it is inherited from."""
        return findings.wrong(*(layer.place.key(name) for layer in (self.own, self.inherited) for name in names))
