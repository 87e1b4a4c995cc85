"""Figures of a test laboratory: sizes of tests, differentials between groups, DET curves."""
