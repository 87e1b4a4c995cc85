"""Add, list and revoke API keys of the service."""
