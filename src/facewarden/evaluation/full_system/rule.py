"""The threshold of a recognizer with where it came from: one file beside the scores, read and checked; no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from facewarden.core.files import write_json
from facewarden.core.settings import Whole, read_json, read_settings

MATCH_RULE = "match_decision.json"


@dataclass(frozen=True)
class MatchRule:
    """The threshold of a recognizer: two faces match iff their cosine is at least so large.

    Attributes:
        threshold: a cosine.
        policy: how it was chosen, "fmr=0.001" or "card".
        where: what it was set on, in words.
        recognizer: name of its card.
        genuine, impostor: comparisons of one person and of two that it was set on.
        simulated: whether any of their captures was rendered.
    """

    threshold: float
    policy: str
    where: str
    recognizer: str
    genuine: Whole = 0
    impostor: Whole = 0
    simulated: bool = False

    @property
    def words(self) -> str:
        """The threshold and where it came from."""
        mark = ", simulated" if self.simulated else ""
        return (
            f"{self.recognizer} matches at a cosine of {self.threshold:.4g} or more ({self.policy}, {self.where}{mark})"
        )

    def write(self, path: Path) -> Path:
        """Write the rule as JSON."""
        return write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> MatchRule:
        """Read a rule that an audit wrote.

        Raises:
            BadInputError: it is none.
        """
        hint = "facewarden audit writes one"
        return read_settings(cls, read_json(path, what="a threshold of a recognizer", hint=hint), source=str(path))
