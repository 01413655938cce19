"""What cancel() does, and when the task hears of it (the article's summary and §1)."""
