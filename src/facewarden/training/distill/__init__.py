"""Distillation of the small trunk `face_vit` from public recognizers."""
