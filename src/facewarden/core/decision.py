"""`DecisionRule`: a threshold that remembers where, how and on how many samples it was set."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from facewarden.core.errors import BadInputError, FacewardenError, LeakError
from facewarden.core.files import write_text
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.limits import LimitError
from facewarden.core.labels import SPLITS

_TYPES = {
    "policy": str,
    "split": str,
    "source": str,
    "n_bona_fide": int,
    "n_attack": int,
    "oracle": bool,
    "simulated": bool,
}


@dataclass(frozen=True)
class DecisionRule:
    """Accept a presentation as bona fide iff its score is at least the threshold.

    Attributes:
        threshold: on the detector's score (a logit).
        policy: how it was chosen, e.g. "eer" or "bpcer_at_apcer=0.05".
        split: which rows it was chosen on: "train" or "dev"; "test" only in oracle mode.
        source: the set those rows came from.
        n_bona_fide, n_attack: how many rows of each class.
        oracle: True names the target-peeking mode of some published tables, in which test rows may be used.
        simulated: whether any of those rows was rendered.

    Raises:
        LeakError: rows of the test split were used outside the oracle mode.
        BadInputError: a class is absent, the threshold is NaN, or the split has no known name.
    """

    threshold: float
    policy: str
    split: str
    source: str
    n_bona_fide: int
    n_attack: int
    oracle: bool = False
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.split == "test" and not self.oracle:
            raise LeakError(
                f"a threshold for {self.source or 'this set'} was set on its test split",
                hint="set it on the dev split, or ask for the oracle by name",
            )
        if self.split not in SPLITS:  # a misspelled "test" must not slip past the check above
            raise BadInputError(f"unknown split {self.split!r}", hint=f"one of {', '.join(SPLITS)}")
        if self.n_bona_fide < 1 or self.n_attack < 1:
            raise BadInputError(
                f"a threshold needs both classes, got {self.n_bona_fide} bona fide and {self.n_attack} attacks",
                hint=f"add rows of the missing class to split {self.split!r}",
            )
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, int | float):
            raise BadInputError(f"the threshold is {self.threshold!r}", hint="a number")
        if isinstance(self.threshold, int) and abs(self.threshold) > 2**63:
            raise BadInputError("the threshold is beyond every score", hint="a number that a detector may give")
        if math.isnan(self.threshold):
            raise BadInputError("the threshold is NaN", hint="check the scores it was set on")

    def accepts(self, score: float) -> bool:
        """Whether a presentation with this score counts as bona fide."""
        return score >= self.threshold

    def write(self, path: Path) -> None:
        """Write the rule as JSON."""
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> DecisionRule:
        """Read a rule from JSON; what it checks on creation is checked again, and the file is named."""
        try:
            values = read_json_bounded(path)
            wrong = [name for name, kind in _TYPES.items() if type(values.get(name, kind())) is not kind]
            threshold = values.get("threshold")
            if isinstance(threshold, bool) or not isinstance(threshold, int | float):
                wrong = ["threshold"]
            if wrong:
                raise TypeError(f"{wrong[0]} is of another type")
            if abs(threshold) > 2**63 and isinstance(threshold, int):  # a float of that size is a number like others
                raise TypeError("threshold is beyond every score")
            return cls(**{**values, "threshold": float(threshold)})
        except LimitError:
            raise
        except FacewardenError as error:
            raise type(error)(f"{path}: {error.message}", hint=error.hint) from error
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise BadInputError(
                f"{path}: not a decision rule: {error}", hint="facewarden evaluate writes one"
            ) from error
