"""Cancelling I/O: sockets, processes and threads, for real."""
