"""Artifacts: a trained model as a folder of safetensors, card, recipe and decision rule; pickles are refused."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text, writing
from facewarden.core.guards.bounded import read_json_bounded

WEIGHTS, CARD, RECIPE, RULE = "weights.safetensors", "card.json", "recipe.json", "decision.json"
_PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib"}


@dataclass(frozen=True)
class Artifact:
    """A model folder as read: weights verified against the card's hash.

    Attributes:
        folder: where it is.
        card: what it is.
        recipe: how it was made; enough to build the module and to train it again.
        rule: its decision rule, where one was set.
        weights: tensor name -> tensor.
    """

    folder: Path
    card: Card
    recipe: Mapping[str, Any]
    rule: DecisionRule | None
    weights: Mapping[str, Tensor]


def sha256(path: Path) -> str:
    """Hash of a file's bytes, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_other_model(folder: Path) -> None:
    """Refuse a folder that holds the card of a model or of a set, and no run in `run` that could have made it.

    Raises:
        BadInputError: it does.
    """
    if (folder / CARD).exists() and not (folder / "run" / RECIPE).exists():
        raise BadInputError(
            f"{folder} holds a model or a set already ({CARD}), which would be lost", hint="another --out"
        )


def save_artifact(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    card: Card,
    recipe: Mapping[str, Any],
    rule: DecisionRule | None = None,
) -> Card:
    """Write a model folder; the card gets the hash of the weights and is returned.

    Raises:
        BadInputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # cloned, since safetensors refuses tied weights that share their memory
        plain = {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
        with writing(folder / WEIGHTS) as temporary:
            save_file(plain, temporary)
        card = replace(card, sha256={WEIGHTS: sha256(folder / WEIGHTS)})
        write_text(folder / RECIPE, json.dumps(recipe, indent=2, sort_keys=True) + "\n")
        if rule is None:
            (folder / RULE).unlink(missing_ok=True)  # the rule of older weights says nothing of these
        else:
            rule.write(folder / RULE)
        card.write(folder / CARD)  # last: a folder with a card is complete
    except (OSError, SafetensorError) as error:
        raise BadInputError(f"{folder}: cannot write the model: {error}", hint="choose a writable folder") from error
    return card


def weights_of(network: nn.Module, stored: str) -> dict[str, Tensor]:
    """Weights of a network, to be saved; at 16 bits the network itself is rounded too, so that both score alike.

    Args:
        network: whose.
        stored: "float32" or "float16".

    Raises:
        BadInputError: a value is too large for 16 bits.
    """
    whole: dict[str, Tensor] = network.state_dict()
    if stored != "float16":
        return whole
    weights = {name: value.half() if value.is_floating_point() else value for name, value in whole.items()}
    large = [name for name, value in weights.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if large:
        raise BadInputError(
            f"{large[0]} holds values beyond 16 bits", hint='"weights_precision": "float32" in the recipe'
        )
    network.load_state_dict(weights)
    return weights


def load_artifact(folder: Path) -> Artifact:
    """Read a model folder.

    Raises:
        BadInputError: not an artifact, pickled weights, or weights that differ from the card's hash.
    """
    if folder.is_file():
        refuse_pickle(folder)
        raise BadInputError(f"{folder}: an artifact is a folder", hint=f"give the folder that holds {CARD}")
    if not (folder / CARD).is_file():
        for path in sorted(folder.glob("*")):
            refuse_pickle(path)
        raise BadInputError(f"{folder}: no {CARD} here", hint="facewarden train writes such folders")
    card = Card.read(folder / CARD)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise BadInputError(f"{folder}: no {WEIGHTS}", hint="copy the whole folder again")
    found, expected = sha256(weights), card.sha256.get(WEIGHTS)
    if found != expected:
        raise BadInputError(
            f"{weights}: sha256 {found} differs from the card's {expected}", hint="copy the folder again"
        )
    try:
        tensors = load_file(weights)
        recipe = read_json_bounded(folder / RECIPE)
    except (SafetensorError, OSError, ValueError) as error:
        raise BadInputError(f"{folder}: cannot be read: {error}", hint="copy the folder again") from error
    if not isinstance(recipe, dict):
        raise BadInputError(f"{folder / RECIPE}: a recipe is a JSON object", hint="copy the folder again")
    rule = DecisionRule.read(folder / RULE) if (folder / RULE).is_file() else None
    return Artifact(folder, card, recipe, rule, tensors)


def refuse_pickle(path: Path) -> None:
    """Raise when a file is a pickle by its name or its first bytes.

    Raises:
        BadInputError: it is; a pickle can run any code when it is loaded.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(2)
    # 0x80 opens a bare pickle (and may open safetensors), a zip with a data.pkl is torch's container, whatever its name
    bare = head[:1] == b"\x80" and path.suffix != ".safetensors"
    if path.suffix.lower() in _PICKLES or bare or (head == b"PK" and _holds_pickle(path)):
        raise BadInputError(
            f"{path}: pickled weights are refused, loading them can run any code",
            hint="convert where you trust it: safetensors.torch.save_file(torch.load(path, weights_only=True), ...)",
        )


def _holds_pickle(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False
