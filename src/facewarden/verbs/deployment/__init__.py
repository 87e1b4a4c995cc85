"""Verbs that prepare a model for use outside of this package."""
