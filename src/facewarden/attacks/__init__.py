"""Attacks: one file each; a file sees a model only through the objective it is given."""
