"""Carrying a cancel from the outside into deep coroutines (the article's §4)."""
