"""Training of a detector by a recipe, assembled once: the untrained model, its crops, the objective, weights, card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facewarden.core import registry
from facewarden.core.artifact import weights_of
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.compute.computing import placement
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector
from facewarden.data.manifest import Manifest
from facewarden.nn.closed_form import ClosedForm
from facewarden.nn.trainable import Trainable
from facewarden.training.closed_form import fit_closed_form
from facewarden.training.crops import CropSet, load_crops
from facewarden.training.detector_inputs import read_views
from facewarden.training.head_results import learned_heads
from facewarden.training.loop import fit
from facewarden.training.objectives.parts.base import TrainingObjective
from facewarden.training.recipe import Recipe

_FIRST = "pretrained"
"""The setting of detectors whose untrained network begins with other weights than drawn ones."""


def trainable_class(name: str) -> type[Trainable]:
    """Return a detector's class by its registry name.

    Raises:
        UnknownEntryError: there is no such detector.
        BadInputError: it cannot be trained.
    """
    entry = registry.load("pad", name)
    if not (isinstance(entry, type) and issubclass(entry, Trainable)):
        raise BadInputError(f"{name} cannot be trained here", hint='a recipe names a detector such as "multi_cnn"')
    return entry


def untrained_detector(recipe: Recipe, *, seed: int) -> Trainable:
    """Return the recipe's detector, ready to learn; the seed decides its fresh weights."""
    return trainable_class(recipe.entry).untrained(dict(recipe.model), seed=seed)


def started_detector(spec: str, recipe: Recipe) -> Trainable:
    """Return a recipe's detector with the weights and the card of a trained one of the same network.

    Args:
        spec: a detector of the package by its name, or a folder that `facewarden train` wrote.
        recipe: what is to be trained.

    Raises:
        BadInputError: no detector that can be trained, or one of another network than the recipe's.
    """
    entry = trainable_class(recipe.entry)
    if issubclass(entry, ClosedForm):
        raise BadInputError(f"{recipe.entry} is fitted in closed form, which begins anew", hint="leave --start out")
    trained = resolve_detector(spec)
    held = dict(trained.settings) if isinstance(trained, Trainable) else {}
    first = {_FIRST: False} if _FIRST in held else {}  # replaced by the trained weights
    model = entry.untrained({**recipe.model, **first}, seed=0)
    wanted = dict(model.settings)
    names = sorted({*wanted, *held} - {_FIRST})
    other = [f"{name} {held.get(name)} instead of {wanted.get(name)}" for name in names
             if wanted.get(name) != held.get(name)]  # fmt: skip
    if other or not isinstance(trained, Trainable):
        raise BadInputError(
            f"{spec}: weights of another network than the recipe's: {', '.join(other)}",
            hint=f"start from a {recipe.entry} of the same settings",
        )
    model.network.load_state_dict(trained.network.state_dict())
    model.card = trained.card
    return model


class DetectorTraining:
    """One training run of a recipe.

    Args:
        recipe: what to train, and how.
        seed: decides initial weights and every draw.
        model: a detector to go on from; by default an untrained one.

    Attributes:
        model: the detector, trained in place.
        objective: the recipe's.

    Raises:
        UnknownEntryError: the recipe names a detector or an objective that does not exist.
        BadInputError: the detector cannot be trained, or its settings make no sense.
    """

    def __init__(self, recipe: Recipe, *, seed: int, model: Trainable | None = None) -> None:
        self.recipe, self.seed = recipe, seed
        self.model = untrained_detector(recipe, seed=seed) if model is None else model
        self.objective: TrainingObjective = registry.load("objectives", recipe.objective)(**recipe.objective_settings)

    def crops(self, manifest: Manifest) -> CropSet:
        """Read the train split as the detector's crops, with the targets of its heads."""
        return load_crops(
            manifest.where(split="train"), self.model, margin=self.recipe.training.margin,
            targets=learned_heads(self.model),
        )  # fmt: skip

    def dev_views(self, manifest: Manifest) -> list[FaceBatch] | None:
        """The dev split as the detector's views where it is fitted in closed form; None where nothing needs them."""
        return read_views(manifest.where(split="dev"), self.model) if isinstance(self.model, ClosedForm) else None

    def fit(
        self,
        crops: CropSet,
        *,
        run: Path,
        device: str | torch.device | None = None,
        workers: int | None = None,
        observe: Callable[[int], None] | None = None,
        dev: Iterable[FaceBatch] | None = None,
    ) -> list[dict[str, Any]]:
        """Train the model in place and return the log, see `facewarden.training.loop.fit`.

        Args:
            crops: to learn from.
            run: folder for checkpoints and the log.
            device: where to train; None for that of the call, see `facewarden.core.compute.computing`.
            workers: processes that prepare batches; None for as many as suit the device.
            observe: called with the number of epochs done, after each.
            dev: labeled views of the development split, which a detector that is fitted in closed form needs.

        Raises:
            BadInputError: a closed form without dev, or what `fit` refuses.
        """
        if isinstance(self.model, ClosedForm):
            if dev is None:
                raise BadInputError(
                    f"{self.recipe.entry} is fitted in closed form, which needs a development split",
                    hint="facewarden train, or a plan of kind presentation",
                )
            log = fit_closed_form(self.model, crops.batches(self.recipe.training.batch), dev=dev)
            if observe is not None:
                observe(self.recipe.training.epochs)
            return log
        return fit(
            self.model, crops, objective=self.objective, settings=self.recipe.training, seed=self.seed, run=run,
            device=placement().device if device is None else device, workers=workers, observe=observe,
        )  # fmt: skip

    def weights(self) -> dict[str, Tensor]:
        """Return the weights as they are stored; the model is rounded to them, so it is measured as it is shipped."""
        return weights_of(self.model.network, self.recipe.weights_precision)

    def card(self, *, summary: str, source: str, training_data: str, limits: str) -> Card:
        """Return the card of the result; what is not given comes from the recipe.

        Args:
            summary: one line that says what was trained.
            source: the command that made it.
            training_data: what it learned from.
            limits: where it must not be trusted.
        """
        recipe = self.recipe
        settings: Mapping[str, Any] = self.model.settings
        return Card(
            name=recipe.entry,
            summary=summary,
            role="pad",
            licence=_licence(recipe.licence, settings),
            source=source,
            training_data=training_data,
            intended_use=recipe.intended_use,
            limits=limits,
            settings=dict(settings),
        )


def _licence(own: str, settings: Mapping[str, Any]) -> str:
    """The recipe's licence, with that of the public trunk which the trained model holds."""
    parts = {entry.name for entry in registry.list_entries("assets")}
    trunk = settings.get("trunk")
    if trunk not in parts:
        return own
    return f"{own}; of the weights of its trunk {trunk}: {registry.load('assets', trunk).licence}"
