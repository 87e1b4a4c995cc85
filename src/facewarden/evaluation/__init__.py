"""Measure detectors, recognizers and attacks: scores, decisions, error rates, transfer, self-checks."""
