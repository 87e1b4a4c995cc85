"""Files of recipes: a name of the package or a path, JSON, and `like` for what differs from another recipe."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.settings.old_keys import with_keys_of_today
from facewarden.core.settings.problems import path_text

FOLDER = Path(__file__).parent / "recipes"
"""Recipes of detectors and purifiers that come with the package."""
_LOG = logging.getLogger("facewarden")


@dataclass(frozen=True)
class RecipeFiles:
    """One kind of recipe: where the package keeps it and what it is called.

    Attributes:
        folder: of the package's recipes, one JSON file each.
        what: the kind in words, for messages.
        model: name of a recipe of the package that is a good one to copy.
        replaced: settings that a recipe which is like another replaces as a whole; others are merged key by key.
        old_keys: settings by their path in recipes of an earlier release, as in "training.stored" -> their name now,
            see `with_keys_of_today`.
    """

    folder: Path
    what: str
    model: str
    replaced: Collection[str] = ()
    old_keys: Mapping[str, str] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Return where a recipe is: the path itself where it ends with .json, else a file of the package.

        Raises:
            UnknownEntryError: the package has none of that name.
        """
        if name.endswith(".json"):
            return Path(name)
        names = sorted(found.stem for found in self.folder.glob("*.json"))
        if name not in names:  # never asked of the disk: a name may be no path at all
            raise UnknownEntryError(
                f"no {self.what} {name[:80]!r}; known: {', '.join(names)}", hint="or give the path of a .json file"
            )
        return self.folder / f"{name}.json"

    def read(self, name: str) -> dict[str, Any]:
        """Read the JSON values of a recipe, those of the recipes that it is like included.

        Args:
            name: of one in the package, or the path of a JSON file. One that says `"like": NAME` holds only what
                differs from that recipe.

        Raises:
            UnknownEntryError: the package has none of that name.
            BadInputError: the file cannot be read or holds no mapping, or it is like none that there is.
        """
        return self._read(name, seen=())

    def refuse(self, source: str, error: Exception) -> BadInputError:
        """The error for values that are no recipe of this kind.

        Args:
            source: named in the message.
            error: what was wrong.
        """
        return BadInputError(
            f"{source}: not a {self.what}: {error}",
            hint=self.copy_hint,
        )

    @property
    def copy_hint(self) -> str:
        """What to copy for a recipe of one's own."""
        return f"copy {'/'.join(self.folder.parts[-2:])}/{self.model}.json of the package"

    def _read(self, name: str, *, seen: tuple[Path, ...]) -> dict[str, Any]:
        path = self.path(name)
        try:
            values = read_json_bounded(path, digits=4000)
            if not isinstance(values, dict):
                raise ValueError(f"it holds {type(values).__name__}, not a mapping")
            if path in seen:
                raise ValueError("it is like itself")
        except (OSError, ValueError) as error:
            raise self.refuse(str(path), error) from error
        values, renamed = with_keys_of_today(values, self.old_keys)
        for old, now in renamed.items():
            _LOG.warning("%s: %s is spelled %s now", path, path_text(old), path_text(now))
        if "like" not in values:
            return values
        own = {key: value for key, value in values.items() if key != "like"}
        try:
            base = self._read(str(values["like"]), seen=(*seen, path))
        except UnknownEntryError as error:
            raise self.refuse(str(path), error) from error
        return {**merged(base, own), **{key: own[key] for key in self.replaced if key in own}}


def recipe_of_today(values: Mapping[str, Any], old_keys: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Spell a recipe that an earlier release wrote into a run as this one does.

    Args:
        values: the recipe of a run.
        old_keys: as in `with_keys_of_today`.
    """
    from facewarden.core.compute.precision import check_precision  # torch; listing recipes goes without

    today, _ = with_keys_of_today(values, old_keys or {})
    training = today.get("training")
    if isinstance(training, dict) and isinstance(training.get("precision"), str):
        today["training"] = {**training, "precision": check_precision(training["precision"])}
    return today


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of `base` with those of `over` in their place; nested ones are merged key by key."""
    return {
        name: merged(base[name], over[name])
        if isinstance(base.get(name), dict) and isinstance(over.get(name), dict)
        else over.get(name, base.get(name))
        for name in {**base, **over}
    }
