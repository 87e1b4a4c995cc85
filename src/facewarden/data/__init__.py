"""Samples on disk: manifests, photos, published sets, protocols and a check of all of them."""
