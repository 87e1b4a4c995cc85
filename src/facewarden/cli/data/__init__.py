"""Care for data: find what spoils results, or write the manifest of a published set of captures."""
