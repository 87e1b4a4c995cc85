"""The test of the yardstick: floors and ceilings of a set of captures, before any deep method is measured on it."""
