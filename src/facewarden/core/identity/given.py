"""What a caller hands over: a path as text or as a path, a model by name or as an object, and how records name it."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from facewarden.core.card import Card

PathLike = str | os.PathLike[str]
"""A file or folder."""

IN_MEMORY = "weights in memory"
"""Under this name the card of an object has the hash of its weights: those of a file may have changed since."""

M = TypeVar("M")
T = TypeVar("T")


def path_of(path: PathLike) -> Path:
    """Read a path that may be text; a home folder written as ~ is expanded."""
    return Path(path).expanduser()


def maybe_path(path: PathLike | None) -> Path | None:
    """Read a path that may be text or left out."""
    return None if path is None else path_of(path)


def several(given: T | Iterable[T]) -> tuple[T, ...]:
    """Read one thing, or several, as several; text is one thing."""
    if isinstance(given, str | os.PathLike) or not isinstance(given, Iterable):
        return (given,)
    return tuple(given)


def labeled(given: Iterable[T]) -> dict[str, T]:
    """Models by how tables name them: what was typed, or for an object its name and the first digits of its hash."""
    return {_label(one): one for one in given}


def own_model(model: M, *, role: str) -> M:
    """A view of a caller's model whose card tells the hash of the weights as they are now; the weights are shared.

    Args:
        model: a detector, recognizer or purifier.
        role: for the card of a model that has none.
    """
    shown = copy.copy(model)
    card = getattr(model, "card", None)
    if not isinstance(card, Card):
        card = Card(type(model).__name__, "An object of the caller.", role, source="an object of the caller")
    files = {name: value for name, value in card.sha256.items() if name != IN_MEMORY}
    card = replace(card, sha256={**files, IN_MEMORY: _state_hash(model, replace(card, sha256=files))})
    shown.card = card  # type: ignore[attr-defined]
    return shown


def recorded(given: object) -> str:
    """How a record names a model or an attack: what was typed, or for an object its name and what decides its numbers.

    Args:
        given: a name, a path, a model, or an attack.

    Example:
        >>> recorded("multi_cnn")
        'multi_cnn'
    """
    if isinstance(given, str):
        return given
    if isinstance(given, os.PathLike):
        return str(os.fspath(given))
    if isinstance(getattr(given, "card", None), Card):
        card: Card = own_model(given, role="").card  # type: ignore[attr-defined]
        return f"{card.name}@sha256:{card.sha256[IN_MEMORY]}"
    name = type(given).__module__.rpartition(".")[2] if _is_entry(given) else type(given).__name__
    settings = json.dumps(_plain(vars(given)), sort_keys=True) if vars(given) else ""
    return f"{name}{settings}"


def name_of(given: object) -> str:
    """How a sentence names a model or an attack: shorter than `recorded`."""
    if isinstance(given, str | os.PathLike):
        return str(os.fspath(given))
    card = getattr(given, "card", None)
    return str(card.name) if isinstance(card, Card) else recorded(given).partition("{")[0]


def _label(given: object) -> str:
    name, mark, digest = recorded(given).partition("@sha256:")
    return f"{name}@{digest[:12]}" if mark and not isinstance(given, str | os.PathLike) else recorded(given)


def _is_entry(given: object) -> bool:
    return type(given).__module__.startswith("facewarden.attacks.")


def _plain(value: Any) -> Any:
    """Settings of an object as JSON; of tensors their hash, of what has no values its type."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, torch.Tensor):
        return hashlib.sha256(_bytes(value)).hexdigest()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    inside = getattr(value, "__dict__", None)
    return _plain(dict(inside)) if inside else type(value).__name__


def _state_hash(model: object, card: Card) -> str:
    """Hash of the class, the card's settings and files, every parameter and buffer, and arrays among the attributes."""
    about = [type(model).__module__, type(model).__qualname__, card.name, card.settings, card.sha256]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    modules: Mapping[str, object] = {"": model} if isinstance(model, nn.Module) else vars(model)
    for name, module in sorted(modules.items()):
        if isinstance(module, nn.Module):
            for key, value in module.state_dict().items():
                if isinstance(value, torch.Tensor):
                    digest.update(f"{name}.{key} {value.dtype} {tuple(value.shape)}".encode())
                    digest.update(_bytes(value))
            for key, part in module.named_modules():
                _add_arrays(digest, vars(part), at=f"{name}.{key}")
    if not isinstance(model, nn.Module):
        _add_arrays(digest, vars(model), at="")
    return digest.hexdigest()


def _add_arrays(digest: Any, attributes: Mapping[str, Any], *, at: str) -> None:
    for key, value in sorted(attributes.items()):
        if isinstance(value, torch.Tensor) or (isinstance(value, np.ndarray) and not value.dtype.hasobject):
            data = value.tobytes() if isinstance(value, np.ndarray) else _bytes(value)
            digest.update(f"{at}.{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(data)


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
