"""How a score becomes a decision and a probability, with where the threshold came from: one file, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.settings import Whole, read_json, read_settings
from facewarden.evaluation.verdicts.default_detector import shipped_with

RENDERED = "rendered by facewarden"
SIMULATED = f"*simulated* ({RENDERED}"
"""What the card of a detector says of its training data that were rendered, all of them."""
ONLY_SIMULATED = (
    "this detector has seen simulated captures alone: on a real camera its scores say nothing that was measured"
)
SIMULATED_ATTACKS = (
    "this detector has seen simulated attacks alone: on a real camera its scores say nothing that was measured"
)
NONE = "none, it was not calibrated on both classes"
CARRIED = "bona fide photos alone"


@dataclass(frozen=True)
class VerdictRule:
    """A threshold, where it came from, and how scores become probabilities.

    Attributes:
        threshold: on the score; at least this is decided as bona fide.
        policy: how it was chosen, "eer", "bpcer_at_worst_apcer=0.05" or "bpcer=0.05".
        where: rows that it was set on, in words.
        n_bona_fide, n_attack: how many of each class.
        low, high: 95 % interval of the threshold, where it was estimated.
        slope, offset: log-odds of bona fide = slope x score + offset, at equal priors; None without a probability.
        probability: how these were set, in words, or why there is none.
        detector: file -> sha256 of the detector's card, so that another one is refused.
        simulated: whether the rows were.
        remarks: what a reader must know of every decision.
    """

    threshold: float
    policy: str
    where: str
    n_bona_fide: Whole = 0
    n_attack: Whole = 0
    low: float | None = None
    high: float | None = None
    slope: float | None = None
    offset: float | None = None
    probability: str = ""
    detector: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    remarks: tuple[str, ...] = ()

    def decision(self, score: float) -> str:
        """The word of a score: "bona_fide" or "attack"."""
        return "bona_fide" if score >= self.threshold else "attack"

    def probability_of(self, score: float) -> float | None:
        """Probability of a bona fide presentation at equal priors; None where it was not calibrated."""
        if self.slope is None or self.offset is None:
            return None
        return 1.0 / (1.0 + math.exp(-min(max(self.slope * score + self.offset, -700.0), 700.0)))

    @property
    def origin(self) -> str:
        """Where the threshold came from, in one phrase."""
        mark = ", simulated" if self.simulated else ""
        return f"{self.policy} on {self.where}{mark}"

    def lines(self) -> tuple[str, ...]:
        """The rule in sentences."""
        span = "" if self.low is None or self.high is None else f" (95 % {self.low:.4g} to {self.high:.4g})"
        found = [f"threshold {self.threshold:.4g}{span}: {self.origin}"]
        found.append(f"probability: {self.probability or NONE}")
        return (*found, *self.remarks)

    def write(self, path: Path) -> Path:
        """Write the rule as JSON."""
        return write_json(path, asdict(self))

    def check_detector(self, card: Card, *, source: str) -> None:
        """Refuse a rule that was set for another detector; one without hashes is taken for any.

        Raises:
            BadInputError: the card has other hashes.
        """
        if self.detector and dict(self.detector) != dict(card.sha256):
            other = shipped_with(self.detector)
            raise BadInputError(
                f"{source}: was set for another detector than {card.name}, or for other weights of it",
                hint="facewarden calibrate DETECTOR"
                if other is None
                else f"--detector {other}, or set one for {card.name}: facewarden calibrate {card.name}",
            )

    @classmethod
    def read(cls, path: Path) -> VerdictRule:
        """Read a file of `facewarden calibrate`, or a decision.json of `facewarden evaluate` or `train`.

        Raises:
            BadInputError: neither.
        """
        values = read_json(path, what="a decision rule", hint="facewarden calibrate writes one")
        if "split" in values and "where" not in values:
            return cls.of(DecisionRule.read(path))
        rule = read_settings(cls, values, source=str(path))
        numbers = (rule.threshold, rule.low, rule.high, rule.slope, rule.offset)
        if not all(number is None or math.isfinite(number) for number in numbers):
            raise BadInputError(f"{path}: a number of it is not finite", hint="facewarden calibrate DETECTOR")
        return rule

    @classmethod
    def of(cls, rule: DecisionRule, *, simulated: bool = False) -> VerdictRule:
        """The rule of a detector's own folder, without a probability."""
        where = f"{rule.split} of {rule.source or 'its set'}, {rule.n_bona_fide} bona fide and {rule.n_attack} attacks"
        marked = simulated or rule.simulated or "simulated" in rule.source
        return cls(rule.threshold, rule.policy, where, rule.n_bona_fide, rule.n_attack, simulated=marked)


def simulation_notes(card: Card) -> tuple[str, ...]:
    """What a detector says of itself where it has learned from rendered captures; empty where it did not."""
    if RENDERED not in card.training_data or "as given" in card.training_data:
        return ()
    return (ONLY_SIMULATED,) if SIMULATED in card.training_data else (SIMULATED_ATTACKS,)
