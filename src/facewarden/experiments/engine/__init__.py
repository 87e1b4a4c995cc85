"""The engine of plans: reading the YAML, cells, workers, resuming, summaries."""
