"""The law book: one folder a chapter, each claim an ordinary Hypothesis test beside its sentence."""
