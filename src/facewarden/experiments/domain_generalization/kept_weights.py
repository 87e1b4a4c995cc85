"""Weights of a finished training, kept as what differs from an untrained detector of the same recipe and seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from facewarden.core.artifact import sha256
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.nn.trainable import Trainable
from facewarden.training.detector import untrained_detector
from facewarden.training.recipe import Recipe

FILE = "weights.safetensors"


def keep_weights(model: Trainable, recipe: Recipe, *, seed: int, folder: Path) -> dict[str, Any]:
    """Write what training changed and return the recipe, with digests of the file and of all weights together.

    A frozen trunk is not in the file: the recipe names it.

    Args:
        model: trained.
        recipe: of the training.
        seed: of the training.
        folder: of the cell.
    """
    fresh = untrained_detector(recipe, seed=seed).network.state_dict()
    own = {name: value.detach().cpu() for name, value in model.network.state_dict().items()}
    changed = {name: value for name, value in own.items() if name not in fresh or not _equal(value, fresh[name])}
    with writing(folder / FILE) as temporary:
        save_file({name: value.contiguous().clone() for name, value in changed.items()}, temporary)
    kept = {"sha256": sha256(folder / FILE), "state": state_digest(own), "recipe": recipe.plain(), "seed": seed}
    return {"weights": kept}


def read_kept(file: Path, *, recipe: Recipe, seed: int, kept: Mapping[str, Any]) -> Trainable:
    """A detector as it was trained.

    Args:
        file: as `keep_weights` wrote it.
        recipe, seed: of the training.
        kept: the digests.

    Raises:
        BadInputError: the file was changed, or the trunk or the fresh layers are not those of the training.
    """
    if not file.is_file() or sha256(file) != kept["sha256"]:
        raise BadInputError(f"{file}: not the weights that were kept", hint="copy the run's folder again")
    model = untrained_detector(recipe, seed=seed)
    try:
        stored = load_file(file)
        whole = {**model.network.state_dict(), **stored}
        model.network.load_state_dict(whole)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise BadInputError(f"{file}: does not fit its recipe: {error}", hint="the version that trained it") from error
    if state_digest(whole) != kept["state"]:
        raise BadInputError(
            f"{file}: with the trunk that is here the weights are others than those that were trained",
            hint="fetch the trunk of the training, and use the version that trained it",
        )
    model.requires_grad_(False).eval()
    return model


def state_digest(state: Mapping[str, Tensor]) -> str:
    """Digest of every tensor with its name, type and shape."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other.detach().cpu())
