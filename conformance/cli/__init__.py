"""The command line: one module a command, the options, and what a wrong call is told."""
