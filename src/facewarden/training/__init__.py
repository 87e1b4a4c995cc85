"""Training of detectors and purifiers: recipes, data, objectives, the loop and its checkpoints."""
