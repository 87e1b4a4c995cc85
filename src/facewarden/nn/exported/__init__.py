"""Graphs that facewarden exported: what a card says of their inputs, how views are cut, and what runs them."""
