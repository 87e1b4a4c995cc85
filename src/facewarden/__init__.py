"""facewarden: measure three threats of face images to a recognition system, and defend against them.

The verbs are functions in `facewarden.api`, the nouns live in `facewarden.core`. Importing the package imports nothing
heavy.
"""

__version__ = "0.1.0"
