"""Care for data: what is in a manifest or a folder, and what of it would make results wrong."""
