"""Systems beside each other on the same presentations, and reports beside earlier ones."""
