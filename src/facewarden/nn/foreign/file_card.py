"""The card beside the file of a network."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError


def card_beside(path: Path) -> Card:
    """Read the card `NAME.json` of `NAME.onnx`, `NAME.tflite` or `NAME.xml`.

    Raises:
        BadInputError: the file or its card is not there, or the card cannot be used.
    """
    beside = path.with_suffix(".json")
    if not path.is_file():
        also = "" if beside.is_file() else f", nor its card {beside.name}"
        raise BadInputError(f"{path}: no such file{also}", hint=f"give an {path.suffix or '.onnx'} file")
    if not beside.is_file():
        raise BadInputError(
            f"{path}: no card beside it, expected {beside.name}", hint=f"facewarden card {path} writes one to fill in"
        )
    return Card.read(beside)
