"""From a file to plain YAML objects, with messages for people who do not know YAML well.

No message repeats a value: it may be a secret that was pasted without quotes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from exporter.config.files import read_file
from exporter.config.problems import Findings, Place
from exporter.config.wording import quoted

_MISSING = """\
there is no such file; name another with --config.file, set MIHU_SUBDOMAIN and MIHU_API_TOKEN, try --demo, or write
    workspaces:
      - subdomain: acme # the first part of https://acme.mihu.ai
        authorization: {credentials_env: MIHU_API_TOKEN}"""
_MOST = 64 * 1024 * 1024  # bytes
_PATIENCE = 30.0  # seconds; what comes through a pipe may have to be decrypted first
# What a phrase in PyYAML's message means; the first that applies.
_MEANINGS = (
    ("another document", "a second document begins here (---); keep one in a file"),
    ("duplicate anchor", "an anchor (&) has the name of an earlier one; choose another"),
    ("unhashable key", 'a list or a mapping cannot be a key; put text that begins with "[" or "{" in quotes'),
    ("escape", "in double quotes a backslash begins an escape; put the text in single quotes"),
    ("mapping values", 'unexpected ":"; check the indentation, and put text that holds ": " in quotes'),
    ("<block end>", "does not line up with the lines before it; check the indentation"),
    ("find expected ':'", 'a key without ":" after it; write key: value'),
    ("node content", "a value is missing here, or a bracket is not closed"),
    ("unexpected end of stream", "a quotation mark without its partner; close it"),
    ("',' or ']'", 'a "[" without its "]", or a missing comma between items'),
    ("',' or '}'", 'a "{" without its "}", or a missing comma between items'),
)
_BEGUN_EARLIER = ("find expected ':'", "unexpected end of stream", "',' or ']'", "',' or '}'")
_INTEGER = "tag:yaml.org,2002:int"
_MOST_DIGITS = 100  # Python refuses to write a number of thousands, and some take minutes to read
_SPECIAL = "*&!%@`"  # characters with which YAML begins something other than a text


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
        loader, value = _parsed(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        findings.problem(place, f"line {line}: is not UTF-8; save the file in that encoding")
    except ValueError as error:
        findings.problem(place, str(error))
    else:
        findings.file(place.file, loader.paths)
        for message in loader.duplicates:
            findings.problem(place, message)
        return Source(path, content, value)
    return None


def _parsed(text: str) -> tuple["_Loader", object]:
    """Return what loaded a text, and the objects in it; ValueError, beginning with the line, where it is not YAML."""
    try:
        loader = _Loader(text)
        return loader, loader.get_single_data()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{ord(text[error.position]):04X}"
        raise ValueError(f"line {line}: the character {code} is not allowed in YAML") from error
    except yaml.MarkedYAMLError as error:
        raise ValueError(_in_plain_words(error, text)) from error
    except RecursionError as error:
        raise ValueError("lists or mappings are nested too deeply") from error


class _Loader(yaml.SafeLoader):
    """A safe loader that notes where values stand, and the keys a mapping has twice, of which YAML takes the last."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.duplicates: list[str] = []
        self.paths: list[str] = []
        self._path = ""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - a number, or the node of a key
        outer = self._path
        if isinstance(index, int):
            self._path = f"{outer}[{index}]"
        elif isinstance(index, yaml.ScalarNode):
            self._path = f"{outer}.{index.value}" if outer else index.value
        self.paths.append(self._path)
        node = super().compose_node(parent, index)
        self._path = outer
        return node

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        # Looked for here and not where objects are made, because there keys merged by << seem to come twice.
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if first := lines.get((key.tag, key.value)):
                self.duplicates.append(
                    f"line {line}: the key {quoted(key.value)} came before, on line {first}; keep one"
                )
            lines[key.tag, key.value] = line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002 - PyYAML's signature
        if node.tag == _INTEGER and len(str(node.value)) > _MOST_DIGITS:
            raise ConstructorError(
                problem="this is a number with too many digits; if it is none, put it in quotes",
                problem_mark=node.start_mark,
            )
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError) as error:  # 2024-13-45 has the form of a date
            raise ConstructorError(
                problem="this has the form of a date or number, but is none; put it in quotes",
                problem_mark=node.start_mark,
            ) from error


def _in_plain_words(error: yaml.MarkedYAMLError, text: str) -> str:
    said = f"{error.context} {error.problem}"
    begun_earlier = any(phrase in said for phrase in _BEGUN_EARLIER)
    mark = error.context_mark if begun_earlier and error.context_mark else error.problem_mark
    at, column = (mark.line, mark.column) if mark else (0, 0)
    line = dict(enumerate(text.splitlines())).get(at, "")
    where = f"line {at + 1}, column {column + 1}: "
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"{where}a tab is used for indentation; YAML allows spaces only"
    for phrase, meaning in _MEANINGS:
        if phrase in said:
            return where + meaning
    here = line[column : column + 1]
    if here == "\t":
        return f"{where}a tab stands here; write spaces instead"
    if here and here in _SPECIAL:
        return f'{where}a text cannot begin with "{here}"; put it in quotes'
    return where + (error.problem or "is not YAML")
