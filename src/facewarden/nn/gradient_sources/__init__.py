"""Where gradient attacks read their gradients: SFA generators, covariance offsets, averages, outside logits."""
