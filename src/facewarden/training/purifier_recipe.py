"""Recipes of purifiers: network, cloaks, amplification and losses, as JSON in the package or of your own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from facewarden.core.compute.precision import PrecisionSetting
from facewarden.core.errors import UnknownEntryError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.limits import LimitError
from facewarden.core.settings import (
    Count,
    NotNegative,
    Positive,
    SettingError,
    Share,
    ShareBelowOne,
    Text,
    Whole,
    check_fields,
    read_settings,
)
from facewarden.training.pairs import CloakKind
from facewarden.training.precision import check_training_precision
from facewarden.training.recipe_files import FOLDER, RecipeFiles

KIND: Literal["purifier"] = "purifier"
Quality = Annotated[int, Ge(1), Le(100)]
"""Quality of JPEG."""
OLD_KEYS = MappingProxyType({"training.remainder": "residual_cloak", "training.stored": "jpeg_share"})
"""Settings by their path in recipes of 0.1 -> their names now."""

_FILES = RecipeFiles(FOLDER, what="recipe of a purifier", model="puface", replaced=("network",), old_keys=OLD_KEYS)


@dataclass(frozen=True)
class PurifierSettings:
    """How a purifier is trained.

    Attributes:
        epochs: passes over the pairs; the learning rate falls to zero over them as a half cosine.
        batch: pairs per step.
        rate: peak learning rate of AdamW.
        decay: weight decay.
        warmup: share of all steps over which the rate rises.
        clip: largest norm of the gradient.
        amplify: lowest and highest k of x + k d; k = 1 is the cloak as it is met.
        natural: share of samples with k = 0, which the network must leave alone.
        sign: 1, or -1 for the ablation that learns on x - k d.
        noise: largest standard deviation in gray levels of Gaussian noise that is learned to be removed instead of
            cloaks; 0 learns from cloaks.
        image: "rmse", one root of the mean square per batch; "rmse_each", the mean of every sample's own, in which a
            natural face that was changed a little counts as much as a cloaked one; or "l1", the mean absolute error.
        residual_cloak: weight of the share of the cloak that is left, see `facewarden.training.amplify.residual_cloak`.
        feature: weight of the feature term.
        features: recognizers whose features are compared; none of them should measure the result.
        feature_faces: how many of a step's faces they look at, since they cost more than the network; 0 is all.
        mirror: whether half of the samples are mirrored.
        varied: share of samples that are sharpened or softened, exposed otherwise and given grain before the cloak.
        warped: share of samples that are moved by some pixels and degrees after the cloak, as a new alignment does.
        jpeg_share: share of samples that are compressed as JPEG after the cloak.
        quality: lowest and highest quality at which they are.
        precision: "float32", "bfloat16" or "auto", see `facewarden.core.compute.precision`.
        every: epochs between checkpoints.
        kinds: names of the kinds of cloak to learn from; empty takes every kind that the pairs hold.
        at_most: pairs to read; 0 reads all.
    """

    epochs: Count = 20
    batch: Count = 32
    rate: Positive = 1e-3
    decay: NotNegative = 1e-4
    warmup: Share = 0.03
    clip: Positive = 1.0
    amplify: tuple[NotNegative, NotNegative] = (0.5, 2.0)
    natural: ShareBelowOne = 0.2
    sign: Literal[1, -1] = 1
    noise: NotNegative = 0.0
    image: Literal["rmse", "rmse_each", "l1"] = "rmse"
    residual_cloak: NotNegative = 0.02
    feature: NotNegative = 0.0
    features: tuple[Text, ...] = ("faceres",)
    feature_faces: Whole = 0
    mirror: bool = True
    varied: Share = 0.0
    warped: Share = 0.0
    jpeg_share: Share = 0.0
    quality: tuple[Quality, Quality] = (70, 95)
    precision: PrecisionSetting = "auto"
    every: Count = 1
    kinds: tuple[Text, ...] = ()
    at_most: Whole = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", check_training_precision(self.precision))
        check_fields(self, source="training")
        for name, (low, high) in (("amplify", self.amplify), ("quality", self.quality)):
            if low > high:
                raise SettingError(f"{name} is {[low, high]}; allowed: low before high", hint=f"{name}: {[high, low]}",
                                   at=(name,))  # fmt: skip


@dataclass(frozen=True)
class PurifierRecipe:
    """Everything but pairs and seed that decides the training of a purifier.

    Attributes:
        entry: the purifier, by its registry name.
        summary, intended_use, limits, licence: for the card of the result.
        network: settings of the network, as `facewarden.nn.restorer.build_restorer` takes them.
        pairs: kinds of cloak that `facewarden cloak-pairs` draws from.
        training: how to train.
        kind: tells it from recipes of detectors.
    """

    entry: Text
    summary: str
    network: Mapping[str, Any] = field(default_factory=dict)
    pairs: tuple[CloakKind, ...] = ()
    training: PurifierSettings = field(default_factory=PurifierSettings)
    intended_use: str = "research"
    limits: str = "unknown on other faces and cloaks than it was measured on"
    licence: str = "Apache-2.0"
    kind: Literal["purifier"] = KIND

    def plain(self) -> dict[str, Any]:
        """The recipe as JSON values; reading them gives the same recipe."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {**values, "pairs": [kind.plain() for kind in self.pairs]}

    def with_epochs(self, epochs: int | None) -> PurifierRecipe:
        """The recipe with another number of epochs; None leaves it as it is."""
        return self if epochs is None else replace(self, training=replace(self.training, epochs=epochs))

    def with_precision(self, precision: str | None) -> PurifierRecipe:
        """The recipe with another precision of training; None leaves it as it is."""
        return self if precision is None else replace(self, training=replace(self.training, precision=precision))


def is_purifier_recipe(name: str) -> bool:
    """Whether a recipe's name or path leads to one of this kind; False also where nothing can be read there."""
    try:
        values = read_json_bounded(_FILES.path(name))
    except (OSError, ValueError, LimitError, UnknownEntryError):
        return False
    return isinstance(values, dict) and values.get("kind") == KIND


def read_purifier_recipe(name: str) -> PurifierRecipe:
    """Read a recipe.

    Args:
        name: of one in the package, or the path of a JSON file. One that says `"like": "puface"` holds only what
            differs from that recipe, the settings of training key by key.

    Raises:
        UnknownEntryError: the package has none of that name.
        BadInputError: the file is not a recipe of a purifier.
    """
    values = _FILES.read(name)
    source = str(_FILES.path(name))
    if values.get("kind") != KIND:
        raise SettingError(f'{source}: no recipe of a purifier: it has no "kind": "{KIND}"', hint=_FILES.copy_hint)
    return read_settings(PurifierRecipe, values, source=source)
