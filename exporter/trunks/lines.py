"""Lines: texts by which trunks are searched, filtered and ordered in lists, without being decoded.

A line has the rank; number, uuid, location and last agents; the agents; tags, which say the kind of the trunk and the
reasons to look at it; the workspace, and the key where it is not the uuid. With its separators written as ``|`` (a
field), ``#`` (the agents) and ``;`` (a tag), one is::

    01796025615.500000000|+12084439178|9bcb…|boise#ada|2f1f…;status=active;country=US;type=local;reason=unbound;acme;

Sorted lines are in the order of lists. No text of a trunk has control characters, which separate them.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache

from isal import isal_zlib

from exporter.trunks.out_of_service import Concern
from exporter.trunks.trunk import UNKNOWN, Trunk

_FIELD, _AGENTS, _TAG = "\t", "\1", "\2"
_REASON = "reason={}"  # a tag
_NO_TIME = "~" * 20  # sorts behind all times
_RANK = 1 + len(_NO_TIME)  # characters


class Harm(StrEnum):
    """The first character of a line, by which it is compared with others."""

    OUT_OF_SERVICE = "0"
    GONE = "1"
    LOST = "2"
    BEING_SET_UP = "3"  # and gone, or lost something
    OPEN = "4"  # to be looked at for something else
    NONE = "5"


@lru_cache(maxsize=1024)
def rank(harm: Harm, since: float | None = None) -> str:
    """Return the place in lists: by harm, the longest first; ``since`` is Unix time."""
    return f"{harm}{_NO_TIME if since is None else f'{since:020.9f}'}"


def line_of(workspace: str, trunk: Trunk, key: str, rank: str, reasons: tuple[str, ...]) -> str:
    """Return the line of a trunk whose number and agents are as the configuration lets them be seen."""
    agents = [
        text
        for binding in trunk.bindings
        if binding.bound is True
        for text in (binding.agent_name or ("" if binding.agent_uuid else UNKNOWN), binding.agent_uuid)
    ]
    texts = _FIELD.join((trunk.number, trunk.uuid, trunk.location)) + _AGENTS + _FIELD.join(agents)
    tags = _tags(trunk.status, trunk.country_code, trunk.type, reasons, workspace)
    return _TAG.join((f"{rank}{_FIELD}{texts.lower()}", tags, "" if key == trunk.uuid.lower() else key))


def remembering(line: str, rank: str, last_agents: Iterable[str], reasons: Iterable[Concern]) -> str:
    """Return a trunk's line with what is remembered of it: its last agents, in lower case, and more reasons."""
    its_rank, texts = line.split(_FIELD, 1)
    texts, tags = texts.split(_AGENTS, 1)
    tags, *identity = tags.rsplit(_TAG, 2)
    agents = "".join(f"{_FIELD}{agent}" for agent in last_agents)
    start = f"{min(rank, its_rank)}{_FIELD}{texts}{agents}{_AGENTS}{tags}"
    return _TAG.join((start, *map(_REASON.format, reasons), *identity))


def without_since(line: str) -> str:
    return line[0] + _NO_TIME + line[_RANK:]


def without_names(line: str) -> str:
    texts, rest = line.split(_AGENTS, 1)
    agents, tags = rest.split(_TAG, 1)
    uuids = agents.split(_FIELD)[1::2]
    shown = _FIELD.join(text for uuid in uuids for text in ("" if uuid else UNKNOWN, uuid))
    return f"{texts}{_AGENTS}{shown}{_TAG}{tags}"


def since_of(line: str) -> float | None:
    since = line[1:_RANK]
    return None if since == _NO_TIME else float(since)


def key_of(line: str) -> str:
    return line.rpartition(_TAG)[2] or line.split(_AGENTS, 1)[0].split(_FIELD)[2]


def workspace_of(line: str) -> str:
    return line.rsplit(_TAG, 2)[1].encode().decode("unicode_escape")


def number_of(line: str) -> str:
    """Return the number in lower case."""
    return line.split(_FIELD, 2)[1]


def by_number(line: str) -> str:
    """Return what sorts lines by number, whatever their rank."""
    return line[_RANK:]


def status_of(line: str) -> str:
    return line.split(_TAG, 2)[1].partition("=")[2]


def kinds_of(lines: Iterable[str]) -> set[str]:
    """Return the status, country and type of lines, as texts that many trunks share."""
    tags = {line[line.index(_TAG) + 1 :] for line in lines}
    return {_TAG.join(each.split(_TAG, 3)[:3]) for each in tags}


def choices_of(kind: str) -> Sequence[str]:
    return [tag.partition("=")[2] for tag in kind.split(_TAG)]


def with_text(lines: Iterable[str], text: str) -> list[str]:
    """Return the lines with a text, in lower case, in number, uuid, location, agent or last agent."""
    return [line for line in lines if line.find(text, _RANK, line.index(_TAG)) > 0]


def with_agent(lines: Iterable[str], text: str) -> list[str]:
    """Return the lines with a text, in lower case, in an agent."""
    return [line for line in lines if line.find(text, line.index(_AGENTS), line.index(_TAG)) > 0]


def with_tag(lines: Iterable[str], name: str, value: str) -> list[str]:
    tag = f"{_TAG}{name}={value}{_TAG}"
    return [line for line in lines if tag in line]


def pack(data: bytes) -> bytes:
    """Compress what is kept."""
    # The result begins a buffer of 16 KiB, in the rest of which the next one has no room; a copy takes what it needs.
    return bytes(memoryview(isal_zlib.compress(data, 1)))


def pack_lines(lines: Iterable[str]) -> bytes:
    return pack("\n".join(lines).encode())


def unpack_lines(packed: bytes, texts: Iterable[str] = ("",)) -> list[str]:
    """Return lines; none where none has one of some texts."""
    content = isal_zlib.decompress(packed)
    has_text = any(text.encode(errors="surrogatepass") in content for text in texts)
    return content.decode().split("\n") if content and has_text else []


@lru_cache(maxsize=1024)
def _tags(status: str, country_code: str, type_: str, reasons: tuple[str, ...], workspace: str) -> str:
    """Return the tags and the workspace, which many trunks have in common."""
    kind = f"status={status or UNKNOWN}", f"country={country_code}", f"type={type_}"
    return _TAG.join((*kind, *map(_REASON.format, reasons), workspace.encode("unicode_escape").decode()))
