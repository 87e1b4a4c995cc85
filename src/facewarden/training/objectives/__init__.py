"""Training objectives: one file is one objective, named as its registry entry."""
