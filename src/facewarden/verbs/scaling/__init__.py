"""Verbs for work on several machines: shards joined, shards started."""
