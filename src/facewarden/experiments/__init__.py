"""Experiments that the plans of `facewarden bench` run: one folder a kind of plan, the engine below them."""
