"""Networks, and the gradient sources that attacks read, below every model that a verb loads."""
