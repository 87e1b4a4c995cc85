"""What aligners share: similarity transforms, warping, pasting back, choosing a face."""
