"""The command line: one module a command, the options, and the message for a wrong call."""
