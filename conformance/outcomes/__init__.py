"""What an exception that came out of an example means."""
