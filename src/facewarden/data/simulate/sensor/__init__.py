"""Sensors: color and infrared cameras, depth sensors, and the domains that combine them."""
