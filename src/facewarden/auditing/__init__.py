"""The audit: request and presets, its parts for detectors and recognizers, the sections of its report."""
