"""What detectors share: three-sensor streams and their settings, weights, a local test service."""
