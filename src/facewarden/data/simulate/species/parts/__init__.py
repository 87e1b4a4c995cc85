"""What presentation attack instruments share: printed paper, the stage before the camera, worn heads."""
