"""Which commands there are: a verb is a file of the package `cli`, or a folder with a file for each sub-verb."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from facewarden.cli.parts.outcome import Outcome

VERBS = Path(__file__).parent.parent
_PARTS = "parts"
RENAMED: Mapping[str, str] = {"pairs": "cloak-pairs"}
"""Old names of verbs -> new names; the old ones work for one release."""


@dataclass(frozen=True)
class Command:
    """A verb or sub-verb, imported.

    Attributes:
        name: as a person types it, "evaluate presentation".
        entry: the function whose parameters are the options.
        groups: heading -> parameters that the help shows below it; the others come first.
        old_flags: flags of the release before -> new ones, which mean the same.
    """

    name: str
    entry: Callable[..., Outcome]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    old_flags: Mapping[str, str] = field(default_factory=dict)


def verbs() -> dict[str, str]:
    """Every verb and its one-line description, read without importing any of them."""
    return _described(VERBS)


def sub_verbs(verb: str) -> dict[str, str]:
    """The sub-verbs of a verb and their descriptions; empty where it has none."""
    folder = VERBS / _file_name(verb)
    return _described(folder) if folder.is_dir() else {}


def is_verb(name: str) -> bool:
    """Whether there is a verb of this name; reads no file."""
    stem = VERBS / _file_name(name)
    return name[:1].isalpha() and name != _PARTS and (stem.with_suffix(".py").is_file() or stem.is_dir())


def description(verb: str) -> str:
    """The one-line description of a verb."""
    stem = VERBS / _file_name(verb)
    return _summary(stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py"))


def load_command(*words: str) -> Command:
    """Import a verb or sub-verb.

    Args:
        words: its name, a word each: "evaluate", "presentation".
    """
    module = importlib.import_module(".".join(["facewarden.cli", *map(_file_name, words)]))
    return Command(" ".join(words), module.entry, getattr(module, "groups", {}), getattr(module, "old_flags", {}))


def _described(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")) or path.name == _PARTS:
            continue
        if path.suffix == ".py":
            found[_verb_name(path.stem)] = _summary(path)
        elif (path / "__init__.py").is_file():
            found[_verb_name(path.name)] = _summary(path / "__init__.py")
    return found


@cache
def _summary(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return doc.partition("\n")[0]


def _verb_name(stem: str) -> str:
    return stem.rstrip("_").replace("_", "-")  # `import` cannot be a module's name


def _file_name(verb: str) -> str:
    name = verb.replace("-", "_")
    return f"{name}_" if name == "import" else name
