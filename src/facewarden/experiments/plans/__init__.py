"""Kinds of plans, one a file, and the plans that ship with the package, as YAML beside them."""
