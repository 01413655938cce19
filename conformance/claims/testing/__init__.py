"""What test plugins do to the tasks that tests leave running."""
