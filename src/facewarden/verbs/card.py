"""Write a card template for an ONNX file: what the file tells is filled in, the rest says what to write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facewarden.core.card import FILL_IN
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.nn.foreign.template import card_template


@dataclass(frozen=True)
class CardTemplate:
    """A template that was written.

    Attributes:
        path: the file.
        role: "detector", "recognizer" or "purifier".
        read: what was read from the ONNX file.
        to_fill: words of the card that are still to be written -> what to write.
    """

    path: Path
    role: str
    read: tuple[str, ...]
    to_fill: dict[str, str]


def card(
    model: PathLike,
    /,
    *,
    role: Literal["detector", "recognizer", "purifier"] | None = None,
    out: PathLike | None = None,
) -> CardTemplate:
    """Write a card template for an ONNX file; it is refused at load until all of it is filled in.

    Args:
        model: the ONNX file.
        role: what it is; by default what its outputs look like.
        out: file to write; by default the .json beside the model, where it is looked for.

    Raises:
        BadInputError: no ONNX file that can run, or a card that is there already.
    """
    path = path_of(model)
    target = maybe_path(out) or path.with_suffix(".json")
    if path.suffix.lower() != ".onnx":
        raise BadInputError(f"{path}: not an .onnx file", hint="facewarden card model.onnx")
    if target.exists():
        raise BadInputError(f"{target}: is there already", hint=f"--out {target.stem}_new.json")
    template = card_template(path, role=role)
    try:
        write_json(target, template.card)
    except OSError as error:
        raise BadInputError(f"{target}: cannot be written: {error.strerror}", hint="--out FILE.json") from error
    texts = {**template.card, **{f"settings.{name}": value for name, value in template.card["settings"].items()}}
    to_fill = {
        name: value.removeprefix(FILL_IN).strip(" :")
        for name, value in texts.items()
        if isinstance(value, str) and value.startswith(FILL_IN)
    }
    return CardTemplate(target, template.role, template.read, to_fill)
