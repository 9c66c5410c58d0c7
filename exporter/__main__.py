"""Runs the command line, also as ``python -m exporter``."""

from exporter.process import leave, prepare


def main() -> None:
    prepare()
    # Loading the command line takes longer than all before, and signals may come meanwhile.
    from exporter.cli import main as command_line  # noqa: PLC0415

    leave(command_line)


if __name__ == "__main__":
    main()
