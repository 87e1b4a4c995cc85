"""Your purifier as a torch module or callable of a Python file with a card: FILE.py:NAME."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.files import write_text
from facewarden.core.roles import Purifier
from facewarden.nn.foreign.model import python_model
from facewarden.nn.foreign.probe import answers_hash, keep, probe_pictures, probe_values, set_to_evaluation
from facewarden.nn.foreign.settings import PurifierSettings
from facewarden.purifiers.parts.foreign import ForeignPurifier

_CROP = 112
_EXAMPLE = """\
import torch

def make():
    return torch.nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
"""


class PythonPurifier(ForeignPurifier):
    """Calls a torch module, or any callable, with a float tensor `(n, 3, size, size)`; it is probed when it is loaded.

    It gives a picture of the same size, in the units that its card says.
    Its card is `FILE.json` beside the file, or an attribute `card` of the object, or attributes with the names of the
    settings. What no default is safe for must be stated: mean, std and output.

    Args:
        model: FILE.py:NAME as a path, or the callable itself.
        file: where a callable comes from; by default the file that defines it.
        name: of the callable in that file.

    Raises:
        BadInputError: the card lacks a word or does not fit what the callable gives; with the word to add or change.
    """

    def __init__(self, model: Path | Callable[[Tensor], Any], *, file: Path | None = None, name: str = "") -> None:
        super().__init__(python_model(model, PurifierSettings, role="purifier", file=file, name=name))

    @staticmethod
    def probe_role(purifier: Purifier, *, source: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """Probe a purifier of the user's own class; returns what was remarked, and the hash of its answers.

        Raises:
            BadInputError: its pictures differ from call to call, or depend on their neighbors.
        """
        remarks = set_to_evaluation(purifier.network, source=source)
        found = probe_values(purifier, probe_pictures(3, _CROP), source=source, hint="purify every picture for itself")
        return tuple(keep(remarks)), answers_hash(found)

    @classmethod
    def example(cls, folder: Path) -> PythonPurifier:
        """Return a tiny one whose file and card are written into a folder."""
        file = write_text(folder / "tiny.py", _EXAMPLE)
        Card(
            name="python_file",
            summary="A blur of three pixels",
            role="purifier",
            licence="Apache-2.0",
            source="made here",
            training_data="none",
            intended_use="an example of the format",
            limits="it has learned nothing",
            settings={"mean": 0, "std": 255, "output": "unit"},
        ).write(folder / "tiny.json")
        return cls(Path(f"{file}:make"))


entry = PythonPurifier
