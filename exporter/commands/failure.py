"""How a command says that it failed."""

import click


class Failure(click.ClickException):
    """Ends the program with one line and status 1."""

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click's signature
        """Write the line to standard error."""
        say(self.message)


def say(line: str) -> None:
    """Write a line to standard error."""
    click.echo(f"mihu-trunk-exporter: {line}", err=True)
