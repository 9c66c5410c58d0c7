"""From YAML text to plain objects, with messages for people who do not know YAML well.

No message repeats a value: it may be a secret that was pasted without quotes.
"""

from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from exporter.config.wording import quoted

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
class Parsed:
    """The objects in a text.

    Attributes:
        duplicates: a message for each key that a mapping has twice.
        paths: where a value stands, such as ``workspaces[0].name``, in the order of the text.
    """

    value: object
    duplicates: tuple[str, ...]
    paths: tuple[str, ...]


def parse_yaml(text: str) -> Parsed:
    """Read YAML; an empty text is None.

    Raises:
        ValueError: it is not YAML; the message begins with the line.
    """
    try:
        loader = _Loader(text)
        value = loader.get_single_data()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{ord(text[error.position]):04X}"
        raise ValueError(f"line {line}: the character {code} is not allowed in YAML") from error
    except yaml.MarkedYAMLError as error:
        raise ValueError(_in_plain_words(error, text)) from error
    except RecursionError as error:
        raise ValueError("lists or mappings are nested too deeply") from error
    return Parsed(value, tuple(loader.duplicates), tuple(loader.paths))


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
