"""A scene: view, surfaces, light and shading, and what surrounds the presentation."""
