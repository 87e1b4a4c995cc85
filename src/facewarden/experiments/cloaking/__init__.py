"""Cloaks against trackers that learn from cloaked photos, with and without purifiers."""
