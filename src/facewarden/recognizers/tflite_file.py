"""Your recognizer as a TFLite file with a card beside it: tflite_file:PATH; not differentiable."""

from __future__ import annotations

from pathlib import Path

from facewarden.nn.foreign.tiny_tflite import write_tiny
from facewarden.recognizers.parts.recognizer_file import RecognizerFile


class TfliteRecognizer(RecognizerFile):
    """Runs a TFLite file with LiteRT on the CPU; it is probed when it is loaded.

    Layout, type and a fixed size are read from the file; integers of a quantized file are scaled as it says.

    Args:
        path: `NAME.tflite`, with the card `NAME.json` beside it; its `settings` are those of `RecognizerSettings`.

    Raises:
        BadInputError: LiteRT is not installed, a file is missing or no TFLite, or the card does not fit; with the word
            of the card to change.
    """

    artifact = "model.tflite"

    @classmethod
    def example(cls, folder: Path) -> TfliteRecognizer:
        """Return a tiny recognizer whose file and card are written into a folder.

        Raises:
            BadInputError: LiteRT is not installed.
        """
        return cls(write_tiny(folder / "tiny.tflite", side=112, classes=8, card={
            "name": "tflite_file", "summary": "Eight sums of the mean color", "role": "recognizer",
            "licence": "Apache-2.0", "source": "made here", "training_data": "none", "intended_use": "tests",
            "limits": "it has learned nothing", "settings": {"size": 112, "mean": 127.5, "std": 127.5},
        }))  # fmt: skip


entry = TfliteRecognizer
