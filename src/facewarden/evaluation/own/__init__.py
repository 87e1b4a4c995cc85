"""A person's own photos, made ready for every verb: face boxes, and a manifest written from folders."""
