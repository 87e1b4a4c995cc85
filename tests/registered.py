"""How the conformance tests find every registered entry and make one of it.

An entry that cannot be made without arguments has a classmethod `example(folder)`, which writes what it needs into the
folder and returns a tiny instance. An entry whose public part has not been fetched is skipped with the command that
brings it.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from facewarden.core import registry
from facewarden.core.errors import BadInputError, MissingAssetError


def names(group: str) -> list[str]:
    """The names of a group, for parametrization; `scope="module"` runs the tests of one entry after each other."""
    return [entry.name for entry in registry.list_entries(group)]


def build(group: str, name: str) -> Any:
    """Make one of an entry; the last few that were made are kept, so that not every network stays in memory."""
    try:
        return _build(group, name)
    except MissingAssetError as error:
        pytest.skip(f"{error.message}: {error.hint}")


def build_attack(name: str) -> Any:
    """An attack as `build` makes it; those that walk longest walk less far, which no rule of the contract can see."""
    few = {"lowkey": 3, "tip_im": 3}
    return registry.load("attacks", name)(steps=few[name]) if name in few else build("attacks", name)


@contextlib.contextmanager
def placed(model: Any, device: torch.device) -> Iterator[Any]:
    """A model of `build` on a device for a while; nothing happens to one that has no weights."""
    model.to(device)
    try:
        yield model
    finally:
        model.to(torch.device("cpu"))


@functools.lru_cache(maxsize=4)
def _build(group: str, name: str) -> Any:
    made = registry.load(group, name)
    if hasattr(made, "example"):
        return made.example(Path(tempfile.mkdtemp(prefix="facewarden-example-")))
    try:
        return made()
    except (TypeError, BadInputError) as error:
        pytest.fail(f"{group}/{name} cannot be made without arguments ({error}); give it a classmethod example(folder)")
