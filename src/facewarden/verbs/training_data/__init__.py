"""Verbs that make data to train on: pairs of natural and cloaked faces."""
