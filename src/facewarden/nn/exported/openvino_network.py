"""An OpenVINO file as a network of another maker: its card says what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.identity.own_hash import with_file_hashes
from facewarden.nn.foreign.file_card import card_beside
from facewarden.nn.foreign.model import ForeignModel
from facewarden.nn.foreign.network import FileNetwork
from facewarden.nn.foreign.openvino_graph import OpenVinoGraph
from facewarden.nn.foreign.settings import InputSettings, read_card

S = TypeVar("S", bound=InputSettings)


def hashed_card(path: Path) -> Card:
    """The card beside an OpenVINO file, whose hashes of the graph and of its weights must be right, where it has any.

    Raises:
        BadInputError: a file is missing or another one.
    """
    card = card_beside(path)
    if not {path.name, path.with_suffix(".bin").name} & set(card.sha256):  # a file of another maker
        return with_file_hashes(card, path)
    for file in (path, path.with_suffix(".bin")):
        found = sha256(file) if file.is_file() else "none"
        if card.sha256.get(file.name) != found:
            raise BadInputError(
                f"{file}: its sha256 is {found}, its card says {card.sha256.get(file.name)}",
                hint="copy the whole folder again",
            )
    return card


def openvino_model(path: Path, kind: type[S], *, role: str) -> ForeignModel[S]:
    """Read an OpenVINO file and its card.

    Args:
        path: `NAME.xml`.
        kind: settings of the role.
        role: "pad", "recognizer" or "purifier".

    Raises:
        BadInputError: openvino is not installed, a file is missing, or the card does not fit.
    """
    card = hashed_card(path)
    settings = read_card(kind, card, role=role, source=str(path.with_suffix(".json")))
    return ForeignModel(FileNetwork(OpenVinoGraph(path), settings), settings, card, path.parent)
