"""Write a card template for a model of yours: what can be read is filled in, the rest says what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.outcome import Outcome


def card(
    model: Annotated[str, "FILE|FILE.py:NAME|URL"],
    /,
    *,
    role: Literal["detector", "recognizer", "purifier"] | None = None,
    out: Path | None = None,
) -> Outcome:
    """Write a card template for a model of yours; it is refused at load until all of it is filled in.

    Args:
        model: an .onnx, .tflite or .xml file, a name in a Python file, or the URL of a service.
        role: what it is; by default what its outputs look like, a detector for Python and a URL.
        out: file to write; by default the .json beside the model, where it is looked for, or service.json for a URL.
    """
    if "://" not in model:
        head, colon, _ = model.rpartition(":")
        check_path(Path(head if colon and head.endswith(".py") else model))
    from facewarden.verbs.card import card as run

    result = run(model, role=role, out=out)
    lines = [f"{result.path}: card template of a {result.role}", *result.read, "to fill in:"]
    lines += [f"  {name}: {text}" for name, text in result.to_fill.items()]
    return Outcome(result, lines)


entry = card
