"""Write a card template for a model of yours: what can be read is filled in, the rest says what to write."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facewarden.core.card import FILL_IN
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.nn.foreign.open_graph import FORMATS
from facewarden.nn.foreign.template import card_template
from facewarden.nn.foreign.told_templates import python_template, service_template


@dataclass(frozen=True)
class CardTemplate:
    """A template that was written.

    Attributes:
        path: the file.
        role: "detector", "recognizer" or "purifier".
        read: what was read from the file.
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
    """Write a card template for a model of yours; it is refused at load until all of it is filled in.

    Args:
        model: an .onnx, .tflite or .xml file, FILE.py:NAME, or the URL of a service.
        role: what it is; by default what its outputs look like, a detector for Python and a URL.
        out: file to write; by default the .json beside the model, where it is looked for, or service.json for a URL.

    Raises:
        BadInputError: no such file that can run, or a card that is there already.
    """
    text = os.fspath(model)
    python = re.fullmatch(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)", text)
    if "://" in text:
        if role not in (None, "detector"):
            raise BadInputError(f"{text}: only detectors are reached by a URL", hint="facewarden help sources")
        target, template = maybe_path(out) or Path("service.json"), service_template(text)
    elif python is not None:
        file = path_of(python["file"])
        target = maybe_path(out) or file.with_suffix(".json")
        template = python_template(file, python["name"], role=role or "detector")
    else:
        path = path_of(model)
        if path.suffix.lower() not in FORMATS:
            raise BadInputError(
                f"{path}: not an .onnx file, nor one of {', '.join(FORMATS)}",
                hint="facewarden card model.onnx, FILE.py:NAME, or a URL",
            )
        target = maybe_path(out) or path.with_suffix(".json")
        if not target.exists():
            template = card_template(path, role=role)
    if target.exists():
        raise BadInputError(f"{target}: is there already", hint=f"--out {target.stem}_new.json")
    try:
        write_json(target, template.card)
    except OSError as error:
        raise BadInputError(f"{target}: cannot be written: {error.strerror}", hint="--out FILE.json") from error
    settings = template.card.get("settings", {})
    texts = {**template.card, **{f"settings.{name}": value for name, value in settings.items()}}
    to_fill = {
        name: value.removeprefix(FILL_IN).strip(" :")
        for name, value in texts.items()
        if isinstance(value, str) and value.startswith(FILL_IN)
    }
    return CardTemplate(target, template.role, template.read, to_fill)
