"""What each workspace shows at the moment: the one place where polls leave it and scrapes find it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from exporter.metrics.segment import Segment

Segments = Mapping[str, tuple[Segment, ...]]  # by the name of the family


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one workspace shows.

    Attributes:
        reading: how reading the API goes; always shown.
        trunks: what the last good snapshot says of trunks.
        stale: shown in the place of ``trunks`` once they are too old.
        expires_at: when that is, by the clock's ``monotonic``.
        polled: whether a poll has ended, well or not.
    """

    workspace: str
    reading: Segments
    trunks: Segments = field(default_factory=dict)
    stale: Segments = field(default_factory=dict)
    expires_at: float = float("-inf")
    polled: bool = False

    def at(self, now: float) -> "tuple[Segments, Segments]":
        """Return what is shown at a moment of the clock's ``monotonic``."""
        return self.reading, self.trunks if now < self.expires_at else self.stale


class UnknownWorkspaceError(LookupError):
    """No workspace has this name."""


class Showcase:
    """The views of all workspaces, in the order of the configuration.

    Views are immutable and replaced one at a time, so that whoever reads needs no lock.
    """

    def __init__(self) -> None:
        self._views: dict[str, View] = {}
        self._forget: list[Callable[[], None]] = []

    def watch(self, forget: Callable[[], None]) -> None:
        """Let whoever keeps something made of views forget it when one is replaced: old text is large."""
        self._forget.append(forget)

    def show(self, view: View) -> None:
        """Put a workspace's view in the place of its previous one."""
        self._views[view.workspace] = view
        for forget in self._forget:
            forget()

    def keep(self, workspaces: Iterable[str]) -> None:
        """Forget all views but these, and show them in this order."""
        self._views = {name: self._views[name] for name in workspaces if name in self._views}

    def views(self) -> tuple[View, ...]:
        """Return all views."""
        return tuple(self._views.values())

    def select(self, workspaces: Iterable[str]) -> tuple[View, ...]:
        """Return the views of some workspaces.

        Raises:
            UnknownWorkspaceError: one is not there.
        """
        names = tuple(dict.fromkeys(workspaces))
        for name in names:
            if name not in self._views:
                raise UnknownWorkspaceError(name)
        return tuple(self._views[name] for name in names)
