"""Is a sensor held back by another one in joint training, and does rebalancing help: with a positive control."""
