"""The subcommands: each parses its flags, calls, and says what came of it."""
