"""Examines the workspaces of a configuration, some of them at the same time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

from exporter.clock import Clock
from exporter.config.settings import ValidatedConfig
from exporter.doctor.report import WorkspaceReport, report_of
from exporter.doctor.trial import Trials

Tell = Callable[[str, str], None]  # a workspace's name, and how far it is; "" when it is done

_AT_THE_SAME_TIME = 8


async def examine(config: ValidatedConfig, tell: Tell, *, clock: Clock, random: Random) -> tuple[WorkspaceReport, ...]:
    """Try every workspace; reports come in the order of the configuration."""
    turns = asyncio.Semaphore(_AT_THE_SAME_TIME)
    with ThreadPoolExecutor(1) as executor:
        trials = Trials(config.metrics, clock, random, executor)

        async def examine_one(name: str, index: int) -> WorkspaceReport:
            async with turns:
                trial = await trials.run(config.workspaces[index], lambda words: tell(name, words))
            tell(name, "")
            return report_of(trial)

        examined = (examine_one(workspace.name, index) for index, workspace in enumerate(config.workspaces))
        return tuple(await asyncio.gather(*examined))
