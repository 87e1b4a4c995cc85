"""Which samples train, tune and test: one protocol a file, checked for leaks before anything sees them."""
