"""Purifiers: one file each; images in, images of the same shape out, with less of a cloak in them."""
