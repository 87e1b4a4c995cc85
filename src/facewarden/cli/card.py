"""Write a card template for an ONNX file of yours: what the file tells is filled in, the rest says what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.outcome import Outcome


def card(
    model: Annotated[Path, "FILE.onnx"],
    /,
    *,
    role: Literal["detector", "recognizer", "purifier"] | None = None,
    out: Path | None = None,
) -> Outcome:
    """Write a card template for an ONNX file; it is refused at load until all of it is filled in.

    Args:
        model: the ONNX file.
        role: what it is; by default what its outputs look like.
        out: file to write; by default the .json beside the model, where it is looked for.
    """
    check_path(model)
    from facewarden.verbs.card import card as run

    result = run(model, role=role, out=out)
    lines = [f"{result.path}: card template of a {result.role}", *result.read, "to fill in:"]
    lines += [f"  {name}: {text}" for name, text in result.to_fill.items()]
    return Outcome(result, lines)


entry = card
