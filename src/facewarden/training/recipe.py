"""Recipes: what a training run does, as JSON in the package or of your own, checked before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.training.augment import Augmentation
from facewarden.training.loop import TrainSettings

_REAL = ("rate", "decay", "warmup", "clip", "margin")

FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """Everything but the seed that decides a training run on simulated captures.

    Attributes:
        entry: detector to train, by its registry name.
        summary, intended_use, limits, licence: for the card of the result.
        model: settings of the detector.
        objective, objective_settings: registry name of the loss and its arguments.
        training: how to train.
        captures: arguments of `facewarden.data.simulate.simulate`, used where no captures are given.
        policy: how the threshold is set on the development split.
        stored: "float32", or "float16" for weights of half the size; they are rounded before anything is measured.
    """

    entry: str
    summary: str
    model: Mapping[str, Any] = field(default_factory=dict)
    objective: str = "cross_entropy"
    objective_settings: Mapping[str, Any] = field(default_factory=dict)
    training: TrainSettings = field(default_factory=TrainSettings)
    captures: Mapping[str, Any] = field(default_factory=dict)
    policy: str = "eer"
    intended_use: str = "research"
    limits: str = "unknown on other captures than it was measured on"
    licence: str = "Apache-2.0"
    stored: str = "float32"

    def __post_init__(self) -> None:
        if self.stored not in ("float32", "float16"):
            raise ValueError(f"stored is {self.stored!r}, not float32 or float16")

    def plain(self) -> dict[str, Any]:
        """The recipe as JSON values; reading them gives the same recipe."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        if self.stored == "float32":
            del values["stored"]  # runs that were begun before there was a choice go on
        if values["training"].get("accumulate") == 1:
            del values["training"]["accumulate"]  # and cells of plans keep their ids
        return values

    def with_epochs(self, epochs: int | None) -> Recipe:
        """The recipe with another number of epochs; None leaves it as it is."""
        return self if epochs is None else replace(self, training=replace(self.training, epochs=epochs))


def read_recipe(name: str) -> Recipe:
    """Read a recipe.

    Args:
        name: of one in the package, or the path of a JSON file. One that says `"like": "multitask"` holds only what
            differs from that recipe of the package.

    Raises:
        UnknownEntryError: the package has none of that name.
        BadInputError: the file is not a recipe.
    """
    path = Path(name) if name.endswith(".json") else FOLDER / f"{name}.json"
    if path.parent == FOLDER and not path.is_file():
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.json")))
        raise UnknownEntryError(f"no training recipe {name!r}; known: {known}", hint="or give the path of a .json file")
    try:
        values = _inherited(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _no_recipe(str(path), error) from error
    return parse_recipe(values, source=str(path))


def parse_recipe(values: Mapping[str, Any], *, source: str) -> Recipe:
    """Make a recipe of JSON values that hold all of it.

    Args:
        values: as `Recipe.plain` gives them; what has a default may be left out.
        source: named in the error.

    Raises:
        BadInputError: they are not a recipe.
    """
    try:
        rest = {name: value for name, value in values.items() if name != "training"}
        training = dict(values.get("training", {}))
        augmentation = Augmentation(**{k: float(v) for k, v in training.pop("augmentation", {}).items()})
        training = {k: float(v) if k in _REAL else v for k, v in training.items()}  # JSON may say 1 for 1.0
        return Recipe(**rest, training=TrainSettings(**training, augmentation=augmentation))
    except (ValueError, TypeError, AttributeError) as error:
        raise _no_recipe(source, error) from error


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of `base` with those of `over` in their place; nested ones are merged one by one."""
    return {
        name: merged(base[name], over[name])
        if isinstance(base.get(name), dict) and isinstance(over.get(name), dict)
        else over.get(name, base.get(name))
        for name in {**base, **over}
    }


def _no_recipe(source: str, error: Exception) -> BadInputError:
    return BadInputError(
        f"{source}: not a training recipe: {error}", hint="copy training/recipes/multi_cnn.json of the package"
    )


def _inherited(values: dict[str, Any]) -> dict[str, Any]:
    """Fill what a recipe does not say from the one that it is like; nested settings are merged one by one."""
    if "like" not in values:
        return values
    own = {name: value for name, value in values.items() if name != "like"}
    base = FOLDER / f"{values['like']}.json"
    if base.parent != FOLDER or not base.is_file():
        raise ValueError(f"it is like {values['like']!r}, which is no recipe of the package")
    return merged(_inherited(json.loads(base.read_text(encoding="utf-8"))), own)
