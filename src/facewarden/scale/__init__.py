"""Work on many machines: the shards of a verb, joined again."""
