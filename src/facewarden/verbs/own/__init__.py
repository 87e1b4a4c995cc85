"""Verbs on a person's own data: captures of folders, tables, thresholds of an own camera."""
