"""The `lfsr` command: one module a subcommand; what is heavy is imported inside the command that needs it."""
