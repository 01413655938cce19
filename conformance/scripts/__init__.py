"""Counterexamples as standalone programs, made from the claims' own tests."""
