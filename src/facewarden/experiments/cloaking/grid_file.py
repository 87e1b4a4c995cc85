"""`cloaking.json` of `facewarden evaluate cloaking`: every cell, and what a reader needs to get them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewarden.core.card import Card
from facewarden.core.compute.computing import placement
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.identity.inputs import hash_of
from facewarden.core.run import provenance
from facewarden.experiments.cloaking.measure import CloakingResult

VERSION = 1
"""Of the JSON's layout."""
_SHOWN = 12


def grid_file(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Where the results go, once it is known that no results of other settings lie there.

    Args:
        folder: of the results.
        settings: everything that decides the figures, as JSON values.

    Raises:
        BadInputError: the folder holds results of other settings, or a file that cannot be read.
    """
    path = folder / "cloaking.json"
    if not path.is_file():
        return path
    try:
        held = read_json_bounded(path).get("settings", {})
        changed = [name for name in {**settings, **held} if held.get(name) != settings.get(name)]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="another --out") from error
    if changed:
        raise BadInputError(f"{path} holds results of other settings: {', '.join(changed)}", hint="another --out")
    return path


def write_grid(
    path: Path,
    cells: Sequence[CloakingResult],
    *,
    source: str,
    simulated: bool,
    settings: Mapping[str, Any],
    skipped: Mapping[str, int],
    warnings: Sequence[str],
    command: str,
) -> Path:
    """Write the results.

    Args:
        path: as `grid_file` gives it.
        cells: what was measured.
        source: the set's name.
        simulated: whether its faces were rendered.
        settings: as in `grid_file`.
        skipped: reason -> how many photos, people or recognizers took no part.
        warnings: what a reader must know before any figure.
        command: what to type to get the same figures.

    Raises:
        BadInputError: the folder cannot be written.
    """
    document = {
        "version": VERSION,
        "command": command,
        "provenance": provenance(placement().resolved()),
        "settings": dict(settings),
        "set": source,
        "simulated": simulated,
        "skipped": dict(skipped),
        "warnings": list(warnings),
        "cells": [cell.as_json() for cell in cells],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_json(path, document)
    except OSError as error:
        raise BadInputError(
            f"{path.parent}: cannot be written: {error}", hint="choose a writable folder: --out"
        ) from error


def told_model(card: Card) -> str:
    """A model in a record: the name of its card and the first digits of the hash of all that decides its numbers."""
    return f"{card.name}@{hash_of(card.identity())[:_SHOWN]}"
