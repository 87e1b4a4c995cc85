"""Tokens of a frozen transformer, computed once for each capture and kept by content."""
