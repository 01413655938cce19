"""Runtimes that are wrong on purpose, to see that every law can fail."""
