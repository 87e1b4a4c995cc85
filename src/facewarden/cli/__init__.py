"""The command line: one file per verb, each naming its options, the public function it runs and what is printed."""

# The verb `list` is a module of this package and would hide the built-in of that name in any code written here.
from facewarden.cli.parts.commands import verbs
from facewarden.cli.parts.main import main

__all__ = ["main", "verbs"]
