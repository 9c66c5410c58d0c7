"""The command line: parses, calls, exits."""

from dataclasses import replace
from pathlib import Path

import click

import exporter.lean  # noqa: F401 - before the libraries that it loads
from exporter import __version__, signals
from exporter.commands.command import Group, Lazy
from exporter.commands.failure import Failure, say
from exporter.config.problems import ConfigError, load_both
from exporter.config.settings import ValidatedConfig
from exporter.flags import Common, common_flags, ordinal, print_schema
from exporter.polling.storage import StorageInUseError
from exporter.running import run_exporter
from exporter.web.config import WebConfig
from exporter.web.listening import ListenError
from exporter.web.settings import WebSettings, web_flags


@click.group(
    cls=Group,
    commands=Lazy("exporter.commands.doctor", "exporter.commands.once", "exporter.commands.simulate"),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@common_flags
@web_flags
@click.option(
    "--shard.ordinal",
    "shard_ordinal",
    metavar="N",
    callback=ordinal,
    help="Which shard this is, from 0; auto takes the number that ends the host name.",
)
@click.option(
    "--shard.total",
    "shard_total",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    help="Over how many exporters the workspaces are split; each is polled by one of them.",
)
@click.option(
    "--storage.path",
    "storage_path",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A folder that keeps what is remembered of trunks across restarts.  [default: nothing is kept]",
)
@click.option("--config.check", "config_check", is_flag=True, help="Validate the configuration and exit.")
@click.option(
    "--config.schema",
    is_flag=True,
    expose_value=False,
    callback=print_schema,
    help="Print the JSON schema of the configuration and exit.",
)
@click.option("--demo", is_flag=True, help="Poll a simulated API inside the process; needs no configuration.")
@click.version_option(__version__, message="mihu-trunk-exporter %(version)s")
@click.pass_context
def main(  # noqa: PLR0913 - one for each flag
    context: click.Context,
    *,
    web: WebSettings,
    shard_ordinal: int | None,
    shard_total: int,
    storage_path: Path | None,
    config_check: bool,
    demo: bool,
) -> None:
    """Prometheus exporter for the external trunks of Mihu workspaces.

    Polls the trunks of one or many workspaces, and answers scrapes on /metrics.
    """
    common = context.ensure_object(Common)
    common.demo, common.shard_ordinal, common.shard_total = demo, shard_ordinal, shard_total
    common.set_up_logs()
    if config_check and (demo or context.invoked_subcommand):
        other = context.invoked_subcommand or "--demo"
        raise click.UsageError(f"--config.check validates the configuration and does nothing else; leave out {other}")
    if config_check or context.invoked_subcommand is not None:
        signals.run_as_command()
    else:
        signals.run_as_service()
    if context.invoked_subcommand is not None:
        return
    try:
        if demo:
            from exporter.demo import run_demo  # noqa: PLC0415 - who does not want the simulated API starts without it

            run_demo(replace(web, config=web.load_config()))
            return
        config, web_config = load_both(common.load, web.load_config)
        if config_check:
            _say_valid(config, common.config_file)
            if web.config_file is not None:
                _say_valid(web_config, web.config_file)
        else:
            run_exporter(config, common.load, replace(web, config=web_config), storage_path)
    except (ConfigError, ListenError, StorageInUseError) as error:
        raise Failure(str(error)) from error


def _say_valid(config: ValidatedConfig | WebConfig, path: Path) -> None:
    for warning in config.warnings:
        say(f"warning: {warning}")
    click.echo(f"{path} is valid")
