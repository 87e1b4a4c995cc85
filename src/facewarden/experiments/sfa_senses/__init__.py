"""In which regime SFA raises success: senses of the claim fixed beforehand, each with its ceiling and its controls."""
