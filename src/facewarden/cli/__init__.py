"""The command line: one file per verb, each naming the public function it runs."""

# The verb `list` is a module of this package and would hide the built-in of that name in any code written here.
from facewarden.cli._main import main, verbs

__all__ = ["main", "verbs"]
