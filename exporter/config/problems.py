"""What is wrong with a configuration and where: every problem is kept, so that all are told at once."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file, such as ``workspaces[0].filter``; the empty path is the file as a whole."""

    file: str
    path: str = ""
    hidden: bool = False  # what is written here may be a secret, so no message repeats it

    def key(self, name: str) -> "Place":
        """Return the place of a key of the mapping that is here."""
        return replace(self, path=f"{self.path}.{name}" if self.path else name)

    def item(self, index: int) -> "Place":
        """Return the place of an item of the list that is here."""
        return replace(self, path=f"{self.path}[{index}]")

    def hide(self) -> "Place":
        """Return this place as one whose values no message repeats."""
        return replace(self, hidden=True)

    def seen_from(self, other: "Place") -> str:
        """Return how to name this place in a message about another one."""
        return self.path if self.file == other.file else str(self)

    def holds(self, problem: "Problem") -> bool:
        """Return whether a problem lies here or within what is here."""
        return self.file == problem.file and (
            problem.path == self.path or problem.path.startswith((f"{self.path}.", f"{self.path}["))
        )

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


@dataclass(frozen=True, slots=True)
class Findings:
    """Collects problems and warnings while a configuration is read.

    The same finding, as every workspace that inherits it would make, is kept once.
    """

    _problems: dict[Problem, None] = field(default_factory=dict)
    _warnings: dict[str, None] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems, in the order in which they were found."""
        return tuple(self._problems)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings, in the order in which they were found."""
        return tuple(self._warnings)

    def problem(self, place: Place, message: str) -> None:
        """Keep something that makes the configuration unusable."""
        self._problems.setdefault(Problem(place.file, place.path, message))

    def warning(self, subject: object, message: str) -> None:
        """Keep something that is allowed but deserves a line in the log."""
        self._warnings.setdefault(f"{subject}: {message}")

    def wrong(self, *places: Place) -> bool:
        """Return whether a problem lies in one of the places, so that its consequences need not be told."""
        return any(place.holds(problem) for place in places for problem in self._problems)
