"""Training sets into which somebody has put a trigger, and two ways to find the samples that carry it."""
