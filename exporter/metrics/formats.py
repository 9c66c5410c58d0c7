"""The two text formats: Prometheus 0.0.4 and OpenMetrics 1.0.0.

Samples are spelled alike in both; headers and the end are not.
"""

from dataclasses import dataclass

_COUNTER_SUFFIX = "_total"


@dataclass(frozen=True, slots=True)
class Format:
    """A text format.

    Attributes:
        media_type: as ``Accept`` names it.
        version: likewise.
        end: what must follow the last family.
    """

    media_type: str
    version: str
    end: str
    _help_escapes: tuple[tuple[str, str], ...]
    _keeps_counter_suffix: bool

    @property
    def content_type(self) -> str:
        """The value of ``Content-Type``."""
        return f"{self.media_type}; version={self.version}; charset=utf-8"

    def header(self, name: str, help_: str, type_: str) -> str:
        """Return the lines that introduce a family, given by its samples' name."""
        if type_ == "counter" and not self._keeps_counter_suffix:
            name = name.removesuffix(_COUNTER_SUFFIX)
        for character, escape in self._help_escapes:
            help_ = help_.replace(character, escape)
        return f"# HELP {name} {help_}\n# TYPE {name} {type_}\n"


PROMETHEUS = Format("text/plain", "0.0.4", "", (("\\", r"\\"), ("\n", r"\n")), _keeps_counter_suffix=True)
OPENMETRICS = Format(
    "application/openmetrics-text",
    "1.0.0",
    "# EOF\n",
    (("\\", r"\\"), ("\n", r"\n"), ('"', r"\"")),
    _keeps_counter_suffix=False,
)
