"""Adversarial training at equal gradients: methods, attacks on the trained detectors, clean and robust rates."""
