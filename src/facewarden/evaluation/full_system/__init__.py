"""Detector and recognizer as one system: embeddings of captures, comparisons with their targets, IAPAR."""
