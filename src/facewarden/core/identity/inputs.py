"""What a folder of results was computed from, by content: a name does not tell what a file holds today."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import read_json_bounded

INPUTS = "inputs.json"


def hash_of(value: Any) -> str:
    """The hash of JSON values, such as a card's identity."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def check_inputs(folder: Path, inputs: Mapping[str, str]) -> None:
    """Refuse to go on in a folder with other inputs than it was begun with; what it says nothing of is written down.

    Args:
        folder: of a run, which is there.
        inputs: what it reads, such as "captures" or "detector" -> hash of the content. A run may come to have more of
            them, and may leave some out.

    Raises:
        BadInputError: an input is another one under the same name, or the record cannot be read.
        OSError: the folder cannot be written.
    """
    path = folder / INPUTS
    try:
        held = read_json_bounded(path) if path.is_file() else {}
        if not isinstance(held, dict):
            raise ValueError("no object at the top")
    except ValueError as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="another --out") from error
    changed = [name for name, found in inputs.items() if held.get(name, found) != found]
    if changed:
        raise BadInputError(
            f"{folder} was begun with other {', '.join(changed)}: what is there today under the same name is not what "
            "its results are of",
            hint="another --out, or put the old files back",
        )
    if not inputs.keys() <= held.keys():
        write_json(path, {**held, **inputs})
