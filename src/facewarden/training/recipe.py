"""Recipes: what a training run does, as JSON in the package or of your own, checked before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal

from facewarden.core.errors import BadInputError
from facewarden.core.settings import SettingError, Text, WrittenAs, check_fields, read_settings
from facewarden.core.settings.old_keys import with_keys_of_today
from facewarden.data.simulate.specification import SimulatedCaptures
from facewarden.metrics.pad import check_policy
from facewarden.training.loop import TrainSettings
from facewarden.training.recipe_files import FOLDER, RecipeFiles

OLD_KEYS = MappingProxyType({"stored": "weights_precision"})
"""Settings in recipes of 0.1 -> their names now."""
_LATER = MappingProxyType({"accumulate": 1, "ema": 0.0, "compile": False, "recompute": False, "views": "pixels"})
"""Settings of the training that came later, with what was done before there was a choice."""
_FILES = RecipeFiles(FOLDER, what="training recipe", model="multi_cnn", old_keys=OLD_KEYS)


@dataclass(frozen=True)
class Recipe:
    """Everything but the seed that decides a training run on simulated captures.

    Attributes:
        entry: detector to train, by its registry name.
        summary, intended_use, limits, licence: for the card of the result.
        model: settings of the detector.
        objective, objective_settings: registry name of the loss and its arguments.
        training: how to train.
        captures: what to simulate where no captures are given, kept as it is written.
        policy: how the threshold is set on the development split.
        weights_precision: "float32", or "float16" for a file of weights of half the size; they are rounded before
            anything is measured.
    """

    entry: Text
    summary: str
    model: Mapping[str, Any] = field(default_factory=dict)
    objective: Text = "cross_entropy"
    objective_settings: Mapping[str, Any] = field(default_factory=dict)
    training: TrainSettings = field(default_factory=TrainSettings)
    captures: Annotated[Mapping[str, Any], WrittenAs(SimulatedCaptures)] = field(default_factory=dict)
    policy: str = "eer"
    intended_use: str = "research"
    limits: str = "unknown on other captures than it was measured on"
    licence: str = "Apache-2.0"
    weights_precision: Literal["float32", "float16"] = "float32"
    training_data: str = ""

    def __post_init__(self) -> None:
        check_fields(self, source="recipe")
        try:  # not after the training
            check_policy(self.policy)
        except BadInputError as error:
            raise SettingError(f"policy: {error.message}", hint=error.hint, at=("policy",)) from error

    def plain(self) -> dict[str, Any]:
        """The recipe as JSON values; reading them gives the same recipe."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        if self.weights_precision == "float32":
            del values["weights_precision"]  # runs that were begun before there was a choice go on
        if not self.training_data:
            del values["training_data"]
        for name, default in _LATER.items():
            if values["training"].get(name) == default:
                del values["training"][name]  # and cells of plans keep their ids
        if values["training"].get("augmentation", {}).get("copies") is False:
            del values["training"]["augmentation"]["copies"]
        return values

    @property
    def simulated(self) -> SimulatedCaptures:
        """What to simulate where no captures are given."""
        return read_settings(SimulatedCaptures, self.captures, source="recipe", at=("captures",))

    def in_ids(self) -> dict[str, Any]:
        """The recipe as JSON values for what ids are made of: names are those of 0.1, so that ids stay."""
        old_names = {now: old for old, now in OLD_KEYS.items()}
        return {old_names.get(name, name): value for name, value in self.plain().items()}

    def with_epochs(self, epochs: int | None) -> Recipe:
        """The recipe with another number of epochs; None leaves it as it is."""
        return self if epochs is None else replace(self, training=replace(self.training, epochs=epochs))

    def with_precision(self, precision: str | None) -> Recipe:
        """The recipe with another precision of training; None leaves it as it is."""
        return self if precision is None else replace(self, training=replace(self.training, precision=precision))


def read_recipe(name: str) -> Recipe:
    """Read a recipe.

    Args:
        name: of one in the package, or the path of a JSON file. One that says `"like": "multitask"` holds only what
            differs from that recipe of the package.

    Raises:
        UnknownEntryError: the package has none of that name.
        BadInputError: the file is not a recipe.
    """
    return parse_recipe(_FILES.read(name), source=str(_FILES.path(name)))


def parse_recipe(values: Mapping[str, Any], *, source: str) -> Recipe:
    """Make a recipe of JSON values that hold all of it.

    Args:
        values: as `Recipe.plain` or `Recipe.in_ids` gives them; what has a default may be left out.
        source: named in the error.

    Raises:
        BadInputError: they are not a recipe.
    """
    return read_settings(Recipe, with_keys_of_today(values, OLD_KEYS)[0], source=source)
