"""What tells one result from another: the bytes of a model and the version of the code that computed something."""
