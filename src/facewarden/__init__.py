"""facewarden: measure and counter the three lies a face image can tell a recognition system.

The verbs are functions in `facewarden.api`, the nouns live in `facewarden.core`. Importing the package imports nothing
heavy.
"""

__version__ = "0.1.0"
