"""A purifier in one file with its card beside it, of another maker or of `facewarden export`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from facewarden.core.card import Card
from facewarden.nn.foreign.model import file_model
from facewarden.nn.foreign.settings import PurifierSettings
from facewarden.purifiers.parts.foreign import ForeignPurifier


class PurifierFile(ForeignPurifier):
    """Runs the file of a network on the CPU; it is probed when it is loaded.

    Attributes:
        artifact: name of the file in a folder that `facewarden export` wrote.

    Args:
        path: the file, with one input of pictures.
        card: default is the card file `NAME.json` beside it; its role is "purifier" and its `settings` are those of
            `PurifierSettings`. Its `sha256`, where it names the file, must agree; the card of the purifier holds the
            hash of the file itself in any case.

    Raises:
        BadInputError: what runs it is not installed, a file is missing or of another kind, or the card does not fit;
            with the word of the card to change.
    """

    artifact: ClassVar[str]

    def __init__(self, path: Path, *, card: Card | None = None) -> None:
        super().__init__(file_model(path, PurifierSettings, role="purifier", card=card))

    @classmethod
    def from_artifact(cls, folder: Path) -> PurifierFile:
        """Open the folder that `facewarden export` wrote."""
        return cls(folder / cls.artifact)
