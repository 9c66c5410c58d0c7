"""``doctor``: tries each workspace and says what is wrong and what to do."""

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from random import Random

import click
import uvloop

from exporter.clock import SystemClock
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig, Workspace
from exporter.config.wording import did_you_mean
from exporter.demo import demo_config
from exporter.doctor.document import as_json
from exporter.doctor.examination import Tell, examine
from exporter.doctor.report import Report, broken_configuration, configuration_in_force
from exporter.doctor.text import plain
from exporter.flags import Common, common_flags

_FORMATS = ("text", "json")


@click.command()
@common_flags
@click.option(
    "--format",
    "format_",
    type=click.Choice(_FORMATS),
    default="text",
    envvar="MIHU_DOCTOR_FORMAT",
    show_default=True,
    show_envvar=True,
    help="For people or for programs.",
)
@click.option(
    "--workspace",
    "names",
    metavar="NAME",
    multiple=True,
    envvar="MIHU_DOCTOR_WORKSPACE",
    show_envvar=True,
    help="Try this one alone. May be given several times.  [default: all]",
)
@click.pass_obj
@click.pass_context
def doctor(context: click.Context, common: Common, *, format_: str, names: tuple[str, ...]) -> None:
    """Try each workspace, and say what is wrong and what to do.

    Polls each workspace once, as the exporter does, and reports step by step: address, TLS, token, permission,
    pages, pace. The exit status is 1 if a workspace cannot be polled.
    """
    common.set_up_logs(level="error")
    report = uvloop.run(_examine_demo(names) if common.demo else _examine_configured(common, names))
    if format_ == "json":
        click.echo(as_json(report), nl=False)
    elif sys.stdout.isatty():
        # rich takes as long to import as everything else together.
        from exporter.doctor import terminal  # noqa: PLC0415

        terminal.show(report)
    else:
        click.echo(plain(report, sys.stdout.encoding), nl=False)
    context.exit(0 if report.ok else 1)


async def _examine_configured(common: Common, names: tuple[str, ...]) -> Report:
    try:
        config = common.load()
    except ConfigError as error:
        return Report(broken_configuration(common.config_file, error))
    return await _examine(str(common.config_file), config, names)


async def _examine_demo(names: tuple[str, ...]) -> Report:
    async with demo_config() as config:
        return await _examine("the demo", config, names)


async def _examine(source: str, config: ValidatedConfig, names: tuple[str, ...]) -> Report:
    chosen = replace(config, workspaces=_choose(config, names))
    with _progress(len(chosen.workspaces)) as tell:
        workspaces = await examine(chosen, tell, clock=SystemClock(), random=Random())  # noqa: S311 - spreads retries
    return Report(configuration_in_force(source, config), workspaces)


def _choose(config: ValidatedConfig, names: tuple[str, ...]) -> tuple[Workspace, ...]:
    known = [workspace.name for workspace in config.workspaces]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"there is no workspace called {name!r}{did_you_mean(name, known)}", param_hint="'--workspace'"
            )
    return tuple(workspace for workspace in config.workspaces if not names or workspace.name in names)


def _progress(workspaces: int) -> AbstractContextManager[Tell]:
    if not sys.stderr.isatty():
        return nullcontext(lambda _workspace, _words: None)
    from exporter.doctor import terminal  # noqa: PLC0415 - see above

    return terminal.progress(workspaces)
