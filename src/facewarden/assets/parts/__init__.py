"""Fetching: the asset type, archives, downloads, the cache."""
