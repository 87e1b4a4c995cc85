"""Model cards: what a model is, what it takes, where it comes from and what it must not be used for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.settings import Positive, Text, read_json, read_settings

FILL_IN = "FILL IN"
"""How a text of a card begins that somebody has still to write."""


@dataclass(frozen=True)
class KnownAnswer:
    """An input of a model with the answer that it must give.

    Attributes:
        input: name of a picture beside the card, "gray:0.5" for a constant one, or "noise:7" for a seed.
        score: of a detector, its logit; of a recognizer, the cosine of `input` and `other`; of a purifier, the mean
            change in gray levels of 255.
        tolerance: largest difference.
        other: second picture, of a recognizer.
        box: of a detector, the face x0 y0 x1 y1 in pixels; by default the whole picture.
    """

    input: Text
    score: float
    tolerance: Positive = 0.01
    other: str | None = None
    box: tuple[float, float, float, float] | None = None


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
        self_test: known inputs with their answers, which a model from a file must give when it is loaded.
        remarks: what was noticed when the model was loaded and could not be decided.
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
    self_test: tuple[KnownAnswer, ...] = ()
    remarks: tuple[str, ...] = ()

    def identity(self) -> list[Any]:
        """What tells a model from any other, for the keys of what was computed with it: name, settings and hashes."""
        return [self.name, self.settings, self.sha256]

    def write(self, path: Path) -> None:
        """Write the card as JSON."""
        values = asdict(self)
        for name in ("self_test", "remarks"):  # most cards have none
            if not values[name]:
                del values[name]
        write_json(path, values)

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card from JSON.

        Raises:
            BadInputError: missing, not JSON, with fields that a card does not have or of another type, or a template
                that is not filled in.
        """
        values = read_json(path, what="a readable card", hint="a card is JSON, see docs/artifacts.md")
        if left := dict(_to_fill(values)):
            first = next(iter(left))
            raise BadInputError(
                f"{path}: {', '.join(left)} {'is' if len(left) == 1 else 'are'} not filled in",
                hint=f"{first}: {left[first].removeprefix(FILL_IN).strip(' :')}",
            )
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


def _to_fill(values: Any) -> Iterator[tuple[str, str]]:
    """Places of a card that still hold what its template says, with what that is."""
    todo = [("", values)]  # no recursion: brackets may be nested deeper than the stack
    while todo:
        place, value = todo.pop()
        if isinstance(value, str) and value.startswith(FILL_IN):
            yield place, value
        elif isinstance(value, dict):
            todo += [(f"{place}.{key}" if place else str(key), inner) for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            todo += [(f"{place}[{number}]", inner) for number, inner in enumerate(value)]
