"""The models that a service holds in memory, and how samples of several requests go through them together."""
