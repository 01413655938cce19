"""Programs: what holds for every small async program, wherever the cancel arrives."""
