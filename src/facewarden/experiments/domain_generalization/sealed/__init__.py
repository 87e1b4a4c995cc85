"""The sealed part of a benchmark: everything is frozen, then sites are made that nobody has seen, and opened once."""
