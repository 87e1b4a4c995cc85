"""An OpenVINO file as a network of another maker: its card says what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from facewarden.core.artifact import sha256
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.nn.exported.session import open_session
from facewarden.nn.foreign.model import ForeignModel
from facewarden.nn.foreign.network import ForeignNetwork
from facewarden.nn.foreign.onnx_card import card_beside
from facewarden.nn.foreign.settings import InputSettings, read_card

S = TypeVar("S", bound=InputSettings)


class OpenVinoNetwork(ForeignNetwork):
    """One input of pictures (n, 3, h, w) and one output; float32 on the CPU.

    Args:
        path: `NAME.xml`.
        settings: of its card.

    Raises:
        BadInputError: openvino is not installed, or the file cannot run or has other inputs.
    """

    def __init__(self, path: Path, settings: InputSettings) -> None:
        super().__init__()
        self.source, self.session, self.layout = str(path), open_session(path), "NCHW"
        shapes = list(self.session.inputs.values())
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] != settings.channels:
            raise BadInputError(
                f"{path}: takes {dict(self.session.inputs)}, not one picture",
                hint="give a file of facewarden export",
            )
        self.lot = shapes[0][0] if shapes[0][0] > 0 else settings.batch
        self.side = settings.size or (shapes[0][2] if shapes[0][2] > 0 else None)

    def part(self) -> int | None:
        """The file's own batch, or the card's."""
        return self.lot

    def compute(self, pictures: Tensor) -> Mapping[str, Tensor]:
        """Run the file."""
        name = next(iter(self.session.inputs))
        given = pictures.detach().cpu().numpy().astype(np.float32)
        return {"output": torch.from_numpy(self.session.run({name: given}))}


def hashed_card(path: Path) -> Card:
    """The card beside an OpenVINO file, whose hashes of the graph and of its weights must be right.

    Raises:
        BadInputError: a file is missing or another one.
    """
    card = card_beside(path)
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
        role: "recognizer" or "purifier".

    Raises:
        BadInputError: openvino is not installed, a file is missing, or the card does not fit.
    """
    card = hashed_card(path)
    settings = read_card(kind, card, role=role, source=str(path.with_suffix(".json")))
    return ForeignModel(OpenVinoNetwork(path, settings), settings, card, path.parent)
