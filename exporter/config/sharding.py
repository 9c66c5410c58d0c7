"""Splits the workspaces over several exporters, each polled by exactly one of them.

By rendezvous hashing: every shard has a weight for every name, and the heaviest takes it. When the number of shards
changes, only the workspaces move that the new shard takes, or that the one that is gone had.
"""

import hashlib
import re
from dataclasses import dataclass, replace

from exporter.config.settings import ValidatedConfig

_ORDINAL_AT_END = re.compile(r"-(\d+)$")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``total`` exporters, counted from 0.

    Raises:
        ValueError: there is no such one.
    """

    ordinal: int = 0
    total: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.ordinal < self.total:
            raise ValueError(f"there is no shard {self.ordinal} of {self.total}; shards are counted from 0")

    def share(self, config: ValidatedConfig) -> ValidatedConfig:
        """Return a configuration with the workspaces that are this shard's."""
        own = tuple(workspace for workspace in config.workspaces if owner(workspace.name, self.total) == self.ordinal)
        return replace(config, workspaces=own)


def owner(workspace: str, total: int) -> int:
    """Return the ordinal of the shard that polls a workspace."""
    return max(range(total), key=lambda ordinal: _weight(ordinal, workspace))


def _weight(ordinal: int, workspace: str) -> bytes:
    return hashlib.blake2b(f"{ordinal}/{workspace}".encode(), digest_size=8).digest()


def ordinal_of_host(name: str) -> int:
    """Return the ordinal that a StatefulSet's pod has at the end of its host name.

    Raises:
        ValueError: there is none.
    """
    host = name.partition(".")[0]
    if (found := _ORDINAL_AT_END.search(host)) is None:
        raise ValueError(f"the host name {host!r} does not end in an ordinal, such as exporter-0; write a number")
    return int(found[1])
