"""Presentation attack detectors: one file is one detector, named as its registry entry."""
