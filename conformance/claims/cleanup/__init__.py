"""Releasing what was acquired when a cancel arrives (the article's §2)."""
