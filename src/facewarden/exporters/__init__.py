"""Export of models to other runtimes, one file a format, behind a gate that compares them with the original."""
