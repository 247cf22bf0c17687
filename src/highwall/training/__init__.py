"""Training: labelled tiles in, model out."""
