"""A person's own photos as captures: folders of bona fide and attack photos, their species, subjects and splits."""
