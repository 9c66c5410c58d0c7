"""From a file to plain YAML objects."""

from dataclasses import dataclass
from pathlib import Path

from exporter.config.files import read_file
from exporter.config.problems import Findings, Place
from exporter.config.yaml_text import parse_yaml

_MISSING = """\
there is no such file; name another with --config.file, set MIHU_SUBDOMAIN and MIHU_API_TOKEN, try --demo, or write
    workspaces:
      - subdomain: acme # the first part of https://acme.mihu.ai
        authorization: {credentials_env: MIHU_API_TOKEN}"""
_MOST = 64 * 1024 * 1024  # bytes
_PATIENCE = 30.0  # seconds; what comes through a pipe may have to be decrypted first


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


def read_source(path: Path, findings: Findings, missing: str = _MISSING) -> Source | None:
    """Read a YAML file; None, and a problem, where it cannot be read. Of one that is not there, ``missing`` is said."""
    place = Place(str(path))
    findings.file(place.file)
    try:
        content = read_file(path, _MOST, _PATIENCE).data
    except FileNotFoundError:
        findings.problem(place, missing)
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
