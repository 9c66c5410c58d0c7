"""The subcommands, each in the module of its name."""
