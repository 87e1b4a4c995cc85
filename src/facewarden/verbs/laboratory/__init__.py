"""Verbs of a test laboratory: scores without a model, comparisons, planning of tests, reports."""
