"""Adversarial training at equal gradients: methods, attacks on what they trained, clean and robust rates."""
