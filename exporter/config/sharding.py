"""Splits the workspaces over several exporters, so that exactly one polls each.

Rendezvous hashing: every shard has a weight for every name, and the heaviest takes it. When the number of shards
changes, only the workspaces of the added or removed shard move.
"""

from dataclasses import replace
from hashlib import blake2b

from exporter.config.settings import Shard, ValidatedConfig


def share(config: ValidatedConfig, shard: Shard) -> ValidatedConfig:
    """Return the configuration of one shard."""
    owners = {workspace.name: owner(workspace.name, shard.total) for workspace in config.workspaces}
    return replace(
        config,
        workspaces=tuple(workspace for workspace in config.workspaces if owners[workspace.name] == shard.ordinal),
        elsewhere={name: replace(shard, ordinal=other) for name, other in owners.items() if other != shard.ordinal},
        shard=shard,
    )


def owner(workspace: str, total: int) -> int:
    return max(range(total), key=lambda ordinal: blake2b(f"{ordinal}/{workspace}".encode(), digest_size=8).digest())
