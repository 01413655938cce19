"""What regenerates the pages of this repository that are made from its code."""
