"""Model cards: what a model is, what it takes, where it comes from and what it must not be used for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json


@dataclass(frozen=True)
class Card:
    """What a reader, and the loading code, must know about a model.

    Attributes:
        name: registry name or file stem.
        summary: one sentence.
        role: "pad", "recognizer" or "purifier".
        licence: licence of the weights as stated by their source; "unknown" when none is.
        source: where the weights come from (package and version, or the recipe that made them).
        training_data: what it was trained on; says *simulated* or "unstated" plainly.
        intended_use, limits: in plain words.
        sha256: file name -> hash of every weight file.
        settings: constructor arguments and preprocessing that drive the model (sizes, channel order, crop scale …).
    """

    name: str
    summary: str
    role: str
    licence: str = "unknown"
    source: str = ""
    training_data: str = "unstated"
    intended_use: str = ""
    limits: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the card as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card from JSON.

        Raises:
            BadInputError: missing, not JSON, or with fields that a card does not have or of another type.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:  # brackets nested without end exhaust the stack
            raise BadInputError(
                f"{path}: not a readable card: {error}", hint="a card is JSON, see docs/artifacts.md"
            ) from error
        if not isinstance(values, dict):
            raise BadInputError(f"{path}: a card is a JSON object", hint="see docs/artifacts.md")
        known = {item.name for item in fields(cls)}
        unknown, missing = sorted(set(values) - known), sorted({"name", "summary", "role"} - set(values))
        if unknown or missing:
            raise BadInputError(
                f"{path}: card has unknown fields {unknown} and lacks {missing}", hint=f"fields are {sorted(known)}"
            )
        mappings = {"sha256", "settings"}
        wrong = sorted(k for k, v in values.items() if not isinstance(v, dict if k in mappings else str))
        if not wrong and not all(isinstance(value, str) for value in values.get("sha256", {}).values()):
            wrong = ["sha256"]
        if wrong:
            raise BadInputError(f"{path}: card fields of the wrong type: {wrong}", hint="text, or objects for hashes")
        return cls(**values)
