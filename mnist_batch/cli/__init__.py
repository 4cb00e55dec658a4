"""The command line: one module a command, their shared parameters, and what is printed."""
