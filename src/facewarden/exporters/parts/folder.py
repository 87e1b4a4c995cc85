"""The folder of an exported model: graph, card with self-test, decision rule, recipe, licence, gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewarden.assets import Asset, get, locate
from facewarden.core.artifact import RECIPE, RULE, sha256
from facewarden.core.card import Card, KnownAnswer
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import MissingAssetError
from facewarden.core.files import write_bytes, write_json, write_text
from facewarden.core.identity.version import __version__

PARITY, LICENCE, FINDER = "parity.json", "LICENCE.txt", "face_finder.onnx"


def write_card(card: Card, graph: Path, *, self_test: tuple[KnownAnswer, ...] = ()) -> Card:
    """Write the card beside a graph, with the hashes of its files.

    Args:
        card: without hashes.
        graph: the file; an OpenVINO file has its weights beside it.
        self_test: known answers.

    Returns:
        The card.
    """
    files = (graph, graph.with_suffix(".bin")) if graph.suffix == ".xml" else (graph,)
    whole = replace(card, sha256={file.name: sha256(file) for file in files}, self_test=self_test)
    whole.write(graph.with_suffix(".json"))
    return whole


def copy_finder(folder: Path) -> Asset | None:
    """Copy the face finder beside the graph, so that the folder works on photos by itself.

    Args:
        folder: of the graph.

    Returns:
        The finder; None where it was not fetched.
    """
    try:
        source = locate("yunet", "face_detection_yunet_2023mar.onnx")
    except MissingAssetError:
        return None
    write_bytes(folder / FINDER, source.read_bytes())
    return get("yunet")


def write_about(
    folder: Path, card: Card, *, entry: str, rule: DecisionRule | None, compared: Mapping[str, Any]
) -> None:
    """Write what stands beside graph and card.

    Args:
        folder: of the graph.
        card: of the exported model.
        entry: registry name of what opens the folder.
        rule: decision rule of a detector.
        compared: the gate's numbers, and the loss of int8 where it was asked for.
    """
    if rule is not None:
        rule.write(folder / RULE)
    recipe = {"entry": entry, "made_by": f"facewarden export, version {__version__}", "exported_from": card.name}
    write_json(folder / RECIPE, recipe)
    write_text(folder / PARITY, json.dumps(compared, indent=2, sort_keys=True) + "\n")
    lines = [f"{card.name}: {card.licence}", f"Source: {card.source}", f"Training data: {card.training_data}"]
    if (finder := copy_finder(folder)) is not None:
        lines += ["", f"{FINDER}: {finder.licence}", f"Source: {finder.source}"]
    write_text(folder / LICENCE, "\n".join(lines) + "\n")
