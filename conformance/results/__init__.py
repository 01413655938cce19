"""The record of a run: its schema, reading, writing, merging, comparing, JUnit XML."""
