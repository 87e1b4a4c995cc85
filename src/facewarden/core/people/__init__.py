"""Goals on all photos of a person together, and the geometry that they need."""
