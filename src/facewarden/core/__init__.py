"""The nouns of facewarden: batches, roles, threats, objectives, decisions, artifacts, runs; nothing from above."""
