"""The report of a test laboratory: what was tested, by whom, with what, how often it passed, and the evidence."""
