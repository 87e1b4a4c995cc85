"""Scores of a detector that somebody else computed: read, split, measured and shown."""
