"""The semantics of programs, by definition: what each is allowed to do."""
