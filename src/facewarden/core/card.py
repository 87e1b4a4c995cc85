"""Model cards: what a model is, what it takes, where it comes from and what it must not be used for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.settings import read_json, read_settings


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
        match_threshold: of a recognizer, the cosine from which two photos are of one person, at the equal error rate of
            LFW's official list (`facewarden evaluate verification`); None where nobody has measured it.
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
    match_threshold: float | None = None

    def identity(self) -> list[Any]:
        """What tells a model from any other, for the keys of what was computed with it: name, settings and hashes."""
        return [self.name, self.settings, self.sha256]

    def write(self, path: Path) -> None:
        """Write the card as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card from JSON.

        Raises:
            BadInputError: missing, not JSON, or with fields that a card does not have or of another type.
        """
        values = read_json(path, what="a readable card", hint="a card is JSON, see docs/artifacts.md")
        return read_settings(cls, values, source=str(path))

    def require_role(self, role: str, *, source: str) -> None:
        """Refuse the card of a model of another kind.

        Args:
            role: what the model is to be used as.
            source: named in the error.

        Raises:
            BadInputError: the card says another role.
        """
        if self.role != role:
            raise BadInputError(
                f"{source}: role is {self.role!r}; allowed: {role!r}", hint=f'"role": "{role}" if it is one'
            )
