"""The `lfsr` command: one module a subcommand; everything heavy is imported inside the command that needs it."""
