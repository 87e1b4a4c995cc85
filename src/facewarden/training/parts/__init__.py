"""How a training is fed and shared: batches, processes, options and speed; the loops use it."""
