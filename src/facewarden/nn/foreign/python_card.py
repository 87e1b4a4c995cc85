"""The card of a Python callable: on the object, beside its file, or from attributes with the names of the settings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.settings import read_settings
from facewarden.core.sources.user_file import load_object
from facewarden.nn.foreign.settings import InputSettings

LOG = logging.getLogger("facewarden")

NEEDED: Mapping[str, Mapping[str, str]] = {
    "pad": {
        "size": "80",
        "scale": "2.7, or null for the whole frame",
        "mean": "127.5, or what it was trained with",
        "std": "127.5, or what it was trained with",
        "output": '"logits", "logit" or "probability"',
    },
    "recognizer": {"size": "112", "mean": "127.5, or what it was trained with", "std": "127.5"},
    "purifier": {"mean": "0", "std": "255", "output": '"unit", "gray" or "input"'},
}
"""Role -> settings that a callable must state, since no value is safe to assume, with what to type."""


@dataclass(frozen=True)
class UserCallable:
    """A model of a person's own Python file that is of no role of facewarden.

    Attributes:
        model: takes a tensor of pictures.
        file: the Python file.
        name: in that file.
    """

    model: Callable[[Tensor], Any]
    file: Path
    name: str

    @property
    def text(self) -> str:
        """As a person types it."""
        return f"{self.file}:{self.name}"

    @classmethod
    def load(cls, given: Path, *, role: type) -> UserCallable:
        """Import what FILE.py:NAME names.

        Args:
            given: FILE.py:NAME.
            role: what it is to be used as.

        Raises:
            BadInputError: it cannot be imported, or is not written so.
        """
        file, colon, name = str(given).rpartition(":")
        if not colon or not file.endswith(".py"):
            raise BadInputError(f"{given}: no name in a Python file", hint="FILE.py:NAME")
        return cls(load_object(Path(file), name, role=role, settings={}), Path(file), name)


def python_card(given: UserCallable, kind: type[InputSettings], *, role: str) -> tuple[Card, str]:
    """The card of a callable, with the hash of its file, and where it was found.

    Args:
        given: the callable.
        kind: settings of its role.
        role: "pad", "recognizer" or "purifier".

    Raises:
        BadInputError: a card that cannot be used, or the hash of another file.
    """
    card, source = _found(given, kind, role)
    own = sha256(given.file)
    stated = card.sha256.get(given.file.name, own)
    if stated != own:
        raise BadInputError(
            f"{given.file}: its sha256 is {own}, its card says {stated}", hint="restore the file or its card"
        )
    return replace(card, sha256={**card.sha256, given.file.name: own}), source


def _found(given: UserCallable, kind: type[InputSettings], role: str) -> tuple[Card, str]:
    on_it, beside = getattr(given.model, "card", None), given.file.with_suffix(".json")
    if isinstance(on_it, Card):
        return on_it, f"{given.text}.card"
    if isinstance(on_it, Mapping):
        return read_settings(Card, dict(on_it), source=f"{given.text}.card"), f"{given.text}.card"
    if beside.is_file():
        return Card.read(beside), str(beside)
    names = [field.name for field in fields(kind)]
    settings = {name: _plain(getattr(given.model, name)) for name in names if hasattr(given.model, name)}
    if settings:
        LOG.info("%s: settings from its attributes: %s", given.text, settings)
    card = Card(
        name=given.name,
        summary=f"The model {given.name} of a file of the user",
        role=role,
        source="a file of the user",
        settings=settings,
    )
    return card, f"{given.text} (attributes; no card {beside.name}, which facewarden card writes)"


def _plain(value: Any) -> Any:
    """An attribute as a card would hold it; a tensor of any shape becomes a list."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return value.item() if value.ndim == 0 else value.reshape(-1).tolist()
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value
