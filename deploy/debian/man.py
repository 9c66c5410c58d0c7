"""Writes the manual page of mihu-trunk-exporter, which its commands describe."""
# ruff: noqa: INP001 - a script, not a package

import sys
from collections.abc import Iterator

import click

from exporter import __version__
from exporter.cli import main

_END = """\
.SH FILES
.TP
.I /etc/mihu-trunk-exporter/config.yaml
The configuration.
.TP
.I /etc/default/mihu-trunk-exporter
Variables of the service's environment: every flag can be one.
.TP
.I /var/lib/mihu-trunk-exporter
What the service remembers of trunks across restarts."""


def page() -> str:
    """Return the page in the language of man."""
    title = f'.TH MIHU-TRUNK-EXPORTER 1 "" "mihu-trunk-exporter {__version__}" "User Commands"'
    summary, _, rest = str(main.help).partition("\n\n")
    lines = [title, ".SH NAME", rf"mihu-trunk-exporter \- {_text(summary.rstrip('.'))}"]
    lines += [".SH SYNOPSIS", r".B mihu-trunk-exporter", r"[\fIOPTIONS\fR] [\fICOMMAND\fR [\fIARGUMENTS\fR]]"]
    context = click.Context(main, info_name="mihu-trunk-exporter", **main.context_settings)
    lines += [".SH DESCRIPTION", _text(rest), ".SH OPTIONS", *_options(context)]
    for name in sorted(main.commands):
        command = main.commands[name]
        lines += [f'.SH "COMMAND {name.upper()}"', *map(_paragraph, str(command.help).split("\n\n"))]
        lines += _options(click.Context(command, parent=context, info_name=name))
    return "\n".join([*lines, _END, ""])


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        if (record := parameter.get_help_record(context)) is not None:
            yield from (".TP", f".B {_text(record[0])}", _text(record[1]))


def _paragraph(text: str) -> str:
    return f".PP\n{_text(text)}"


def _text(text: str) -> str:
    """Return a text on one line, of which nothing is a request or an escape of roff."""
    line = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    sys.stdout.write(page())
