"""What attacks share: gradient ascent, steps, restarts, smoothing, input diversity."""
