"""What stands between facewarden and the world: limits, bounded reading, locks, inert text, stops."""
