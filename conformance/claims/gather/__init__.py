"""What happens to the children of gather() when one fails or is cancelled (the article's §3)."""
