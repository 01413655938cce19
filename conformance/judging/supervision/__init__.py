"""Judging in child processes that are watched: a hang or a crash is a verdict."""
