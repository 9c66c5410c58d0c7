"""Splits the workspaces over several exporters, so that exactly one polls each.

Rendezvous hashing: every shard has a weight for every name, and the heaviest takes it. When the number of shards
changes, only the workspaces of the added or removed shard move.
"""

import hashlib
import re
from dataclasses import replace

from exporter.config.settings import Shard, ValidatedConfig


def share(config: ValidatedConfig, shard: Shard) -> ValidatedConfig:
    own = tuple(workspace for workspace in config.workspaces if owner(workspace.name, shard.total) == shard.ordinal)
    names = {workspace.name for workspace in own}
    elsewhere = tuple(workspace.name for workspace in config.workspaces if workspace.name not in names)
    return replace(config, workspaces=own, elsewhere=elsewhere, shard=shard)


def owner(workspace: str, total: int) -> int:
    return max(
        range(total),
        key=lambda ordinal: hashlib.blake2b(f"{ordinal}/{workspace}".encode(), digest_size=8).digest(),
    )


def other_owner(config: ValidatedConfig, workspace: str) -> Shard | None:
    """Return the other shard that polls a configured workspace; None where this one does."""
    if workspace not in config.elsewhere:
        return None
    return replace(config.shard, ordinal=owner(workspace, config.shard.total))


def ordinal_of_host(name: str) -> int:
    """Return the ordinal at the end of the host name of a StatefulSet's pod."""
    host = name.partition(".")[0]
    if (found := re.search(r"-(\d+)$", host)) is None:
        raise ValueError(f"the host name {host!r} does not end in an ordinal, such as exporter-0; write a number")
    return int(found[1])
