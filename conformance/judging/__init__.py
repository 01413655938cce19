"""A claim on a runtime gives a verdict: the search, the pytest plugin, one process or several."""
