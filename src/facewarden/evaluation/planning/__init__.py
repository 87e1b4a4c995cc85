"""How large a test must be for a claim, and what a finished test supports."""
