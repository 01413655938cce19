"""Programs as data: syntax, generation, schedules, source, runs, traces, and the reference."""
