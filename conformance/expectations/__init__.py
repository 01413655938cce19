"""What is on record: the verdict that a claim is to have where it is judged, and known deviations."""
