"""A detector in one file with its card beside it, of another maker or of `facewarden export`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.identity.own_hash import with_file_hashes
from facewarden.core.roles import Detector
from facewarden.nn.exported.settings import is_exported
from facewarden.nn.foreign.file_card import card_beside
from facewarden.nn.foreign.model import file_model
from facewarden.nn.foreign.settings import DetectorSettings
from facewarden.pad.parts.exported import ExportedDetector
from facewarden.pad.parts.foreign import ForeignDetector


class DetectorFile(ForeignDetector):
    """Runs the file of a network on the CPU; it is probed when it is loaded.

    Attributes:
        artifact: name of the file in a folder that `facewarden export` wrote.

    Args:
        path: the file, with one input of pictures.
        card: default is the card file `NAME.json` beside it; its `settings` are those of `DetectorSettings`. Its
            `sha256`, where it names the file, must agree; the detector's card holds the hash of the file in any case.

    Raises:
        BadInputError: what runs it is not installed, a file is missing or of another kind, or the card does not fit;
            with the word of the card to change.
    """

    artifact: ClassVar[str]

    def __init__(self, path: Path, *, card: Card | None = None) -> None:
        if card is None and path.with_suffix(".json").is_file() and is_exported(card_beside(path)):
            kind = type(self).__name__
            raise BadInputError(f"{path}: was written by facewarden export", hint=f"{kind}.open, or load_detector")
        super().__init__(file_model(path, DetectorSettings, role="pad", card=card))

    @classmethod
    def open(cls, path: Path) -> Detector:
        """Open what `facewarden export` wrote as an `ExportedDetector`, and the file of another maker as this class.

        Args:
            path: the file, with its card beside it.

        Raises:
            BadInputError: as above.
        """
        card = card_beside(path)
        return ExportedDetector(path, with_file_hashes(card, path)) if is_exported(card) else cls(path, card=card)

    @classmethod
    def from_artifact(cls, folder: Path) -> Detector:
        """Open the folder that `facewarden export` wrote."""
        return cls.open(folder / cls.artifact)
