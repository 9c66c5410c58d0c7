"""From a file to plain YAML objects."""

from dataclasses import dataclass
from pathlib import Path

from exporter.config.problems import Findings, Place
from exporter.config.yaml_text import parse_yaml

_EXAMPLE = """\
    workspaces:
      - subdomain: acme # the first part of https://acme.mihu.ai
        authorization: {credentials_env: MIHU_API_TOKEN}"""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its bytes, and the plain objects in it (None where it is empty)."""

    path: Path
    content: bytes
    value: object

    @property
    def place(self) -> Place:
        """The file as a whole, as messages name it."""
        return Place(str(self.path))


def read_source(path: Path, findings: Findings) -> Source | None:
    """Read a YAML file; None, and a problem, where it cannot be read."""
    place = Place(str(path))
    findings.file(place.file)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        findings.problem(
            place,
            "there is no such file; name another with --config.file, try --demo, which needs none, or write\n"
            + _EXAMPLE,
        )
        return None
    except OSError as error:
        findings.problem(place, f"cannot be read ({error.strerror}); check that it is a file, and its permissions")
        return None
    try:
        parsed = parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        findings.problem(place, f"line {line}: is not UTF-8; save the file in that encoding")
        return None
    except ValueError as error:
        findings.problem(place, str(error))
        return None
    findings.file(place.file, parsed.paths)
    for message in parsed.duplicates:
        findings.problem(place, message)
    return Source(path, content, parsed.value)
