"""What is wrong with a configuration and where: every problem is kept, so that all are told at once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file, such as ``workspaces[0].filter``; the empty path is the file as a whole."""

    file: str
    path: str = ""
    parent: "Place | None" = field(default=None, repr=False, compare=False)

    def key(self, name: str) -> "Place":
        """Return the place of a key of the mapping that is here."""
        return Place(self.file, f"{self.path}.{name}" if self.path else name, self)

    def item(self, index: int) -> "Place":
        """Return the place of an item of the list that is here."""
        return Place(self.file, f"{self.path}[{index}]", self)

    def seen_from(self, other: "Place") -> str:
        """Return how to name this place in a message about another one."""
        return self.path if self.file == other.file else str(self)

    def spots(self) -> Iterator[tuple[str, str]]:
        """Yield file and path of this place, then of what it lies in, up to the file as a whole."""
        place: Place | None = self
        while place is not None:
            yield place.file, place.path
            place = place.parent

    def __str__(self) -> str:
        return f"{self.file}: {self.path}" if self.path else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the file as the user named it, the key's path in it, and what to do."""

    file: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{Place(self.file, self.path)}: {self.message}"


class ConfigError(Exception):
    """A configuration that cannot be used; its text has one line for each of ``problems``."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def load_both(load_first: Callable[[], A], load_second: Callable[[], B]) -> tuple[A, B]:
    """Load two configurations.

    Raises:
        ConfigError: one or both cannot be used; has every problem of both.
    """
    problems: list[Problem] = []
    loaded: list[Any] = []
    for load in (load_first, load_second):
        try:
            loaded.append(load())
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(tuple(problems))
    return loaded[0], loaded[1]


@dataclass(frozen=True, slots=True)
class Findings:
    """Collects problems and warnings while a configuration is read.

    The same finding, as every workspace that inherits it would make, is kept once.
    """

    _problems: dict[Problem, Place] = field(default_factory=dict)
    _warnings: dict[str, None] = field(default_factory=dict)
    _wrong: set[tuple[str, str]] = field(default_factory=set)  # where a problem is, and all that this lies in
    _misspelt: set[tuple[str, str]] = field(default_factory=set)
    _files: dict[str, dict[str, int]] = field(default_factory=dict)  # by name, where each path stands in it

    def file(self, name: str, paths: Iterable[str] = ()) -> None:
        """Note a file, after those noted before, and in which order things stand in it."""
        order = self._files.setdefault(name, {})
        for path in paths:
            order.setdefault(path, len(order))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems, in the order of the files; within a file in the order of what they are about."""
        ranks = {name: rank for rank, name in enumerate(self._files)}

        def standing(problem: Problem) -> tuple[int, int]:
            order = self._files.get(problem.file, {})
            # What is missing stands where it ought to be.
            spots = (path for _, path in self._problems[problem].spots() if path in order)
            return ranks.get(problem.file, len(ranks)), order.get(next(spots, ""), 0)

        return tuple(sorted(self._problems, key=standing))

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings, in the order in which they were found."""
        return tuple(self._warnings)

    def problem(self, place: Place, message: str) -> None:
        """Keep something that makes the configuration unusable."""
        self._problems.setdefault(Problem(place.file, place.path, message), place)
        self._wrong.update(place.spots())

    def warning(self, subject: object, message: str) -> None:
        """Keep something that is allowed but deserves a line in the log."""
        self._warnings.setdefault(f"{subject}: {message}")

    def misspelt(self, place: Place) -> None:
        """Note a key that seems to be there under another name, of which a problem tells."""
        self._misspelt.add((place.file, place.path))

    def wrong(self, *places: Place) -> bool:
        """Return whether a problem lies in one of the places, so that its consequences need not be told."""
        return any(
            (place.file, place.path) in self._wrong or not self._misspelt.isdisjoint(place.spots()) for place in places
        )
