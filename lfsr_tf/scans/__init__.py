"""Scanner files in and out: every reader gives a `Scan`, every writer takes one."""
