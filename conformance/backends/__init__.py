"""Where code runs: names, options, discovery, virtual time, deadlocks."""
