"""Protocols: which samples are train, dev and test; one protocol per file, checked for leaks before use."""
