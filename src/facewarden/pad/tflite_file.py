"""Your detector as a TFLite file with a card beside it: tflite_file:PATH; not differentiable."""

from __future__ import annotations

from pathlib import Path

from facewarden.nn.foreign.tiny_tflite import write_tiny
from facewarden.pad.parts.detector_file import DetectorFile


class TfliteDetector(DetectorFile):
    """Runs a TFLite file with LiteRT on the CPU; it is probed when it is loaded.

    Layout, type and a fixed size are read from the file; integers of a quantized file are scaled as it says.

    Args:
        path: `NAME.tflite`, with the card `NAME.json` beside it; its `settings` are those of `DetectorSettings`.

    Raises:
        BadInputError: LiteRT is not installed, a file is missing or no TFLite, or the card does not fit; with the word
            of the card to change.
    """

    artifact = "model.tflite"

    @classmethod
    def example(cls, folder: Path) -> TfliteDetector:
        """Return a tiny detector whose file and card are written into a folder.

        Raises:
            BadInputError: LiteRT is not installed.
        """
        return cls(write_tiny(folder / "tiny.tflite", classes=2, card={
            "name": "tflite_file", "summary": "Two classes from the mean color", "role": "pad",
            "licence": "Apache-2.0", "source": "made here", "training_data": "none", "intended_use": "tests",
            "limits": "it has learned nothing", "settings": {"size": 16, "scale": 1.5},
        }))  # fmt: skip


entry = TfliteDetector
