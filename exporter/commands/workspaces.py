"""Which workspaces a command concerns: all of the configuration or of the demo, or those that are named."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import click

from exporter.config.problems import did_you_mean
from exporter.config.settings import ValidatedConfig
from exporter.demo import demo_config
from exporter.flags import Common


@asynccontextmanager
async def configuration(common: Common) -> AsyncIterator[ValidatedConfig]:
    """Yield the configuration that the flags name; the demo's holds while the block lasts.

    Raises:
        ConfigError: it cannot be used.
    """
    if common.demo:
        async with demo_config() as config:
            yield config
    else:
        yield common.load()


def only(config: ValidatedConfig, names: Sequence[str]) -> ValidatedConfig:
    """Return a configuration with these workspaces alone, with all where none is named.

    Raises:
        click.BadParameter: there is none of a name; the message says which was probably meant.
    """
    known = [workspace.name for workspace in config.workspaces]
    for name in names:
        if name not in known:
            shard = f" in shard {config.shard.ordinal} of {config.shard.total}" if config.shard.total > 1 else ""
            raise click.BadParameter(
                f"there is no workspace called {name!r}{shard}{did_you_mean(name, known)}", param_hint="'--workspace'"
            )
    chosen = (workspace for workspace in config.workspaces if not names or workspace.name in names)
    return replace(config, workspaces=tuple(chosen))
