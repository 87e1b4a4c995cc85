"""Your embedder as a torch module or callable of a Python file with a card: FILE.py:NAME."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.files import write_text
from facewarden.core.roles import Recognizer
from facewarden.nn.foreign.model import python_model
from facewarden.nn.foreign.probe import answers_hash, keep, probe_pictures, probe_values, set_to_evaluation
from facewarden.nn.foreign.settings import RecognizerSettings
from facewarden.recognizers.parts.foreign import ForeignRecognizer

_EXAMPLE = """\
import torch

def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.AvgPool2d(14), torch.nn.Flatten(), torch.nn.Linear(192, 32))
"""


class PythonRecognizer(ForeignRecognizer):
    """Calls a torch module, or any callable, with a float tensor `(n, 3, size, size)`; it is probed when it is loaded.

    It gives an embedding a picture.
    Its card is `FILE.json` beside the file, or an attribute `card` of the object, or attributes with the names of the
    settings. What no default is safe for must be stated: size, mean and std.

    Args:
        model: FILE.py:NAME as a path, or the callable itself.
        file: where a callable comes from; by default the file that defines it.
        name: of the callable in that file.

    Raises:
        BadInputError: the card lacks a word or does not fit what the callable gives; with the word to add or change.
    """

    def __init__(self, model: Path | Callable[[Tensor], Any], *, file: Path | None = None, name: str = "") -> None:
        super().__init__(python_model(model, RecognizerSettings, role="recognizer", file=file, name=name))

    @staticmethod
    def probe_role(recognizer: Recognizer, *, source: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """Probe a recognizer of the user's own class; returns what was remarked, and the hash of its answers.

        Raises:
            BadInputError: its embeddings are not finite, differ from call to call, or depend on their neighbors.
        """
        remarks = set_to_evaluation(recognizer, source=source)
        found = probe_values(
            recognizer.embed, probe_pictures(3, recognizer.size), source=source, hint="embed every face for itself"
        )
        return tuple(keep(remarks)), answers_hash(found)

    @classmethod
    def example(cls, folder: Path) -> PythonRecognizer:
        """Return a tiny one whose file and card are written into a folder."""
        file = write_text(folder / "tiny.py", _EXAMPLE)
        Card(
            name="python_file",
            summary="A tiny random network",
            role="recognizer",
            licence="Apache-2.0",
            source="made here",
            training_data="none",
            intended_use="an example of the format",
            limits="it has learned nothing",
            settings={"size": 112, "mean": 127.5, "std": 127.5},
        ).write(folder / "tiny.json")
        return cls(Path(f"{file}:make"))


entry = PythonRecognizer
