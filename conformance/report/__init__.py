"""Shows records: the terminal, Markdown, explanations, differences, progress."""
