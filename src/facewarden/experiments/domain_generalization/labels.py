"""Labels in tables of kind `presentation`: percentages, protocols, the dagger of target-tuned figures, seeds."""

from __future__ import annotations

from facewarden.experiments.domain_generalization.cell import ORACLE_TARGET_EPOCH
from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection
from facewarden.metrics.intervals import Interval
from facewarden.metrics.transfer import TARGET_PEEKING, Replicated

DAGGER = "†"
PEEKS = (
    f"{DAGGER} target-peeking: the threshold is set on the target's own labels, at its EER or its APCER of 5 %, and "
    "oracle_target_epoch chooses the epoch by them too"
)
SIZE = "parameters trained / all, millions"
ONE_RUN = "one training run: the interval does not include the variation between seeds"


def percent(replicated: Replicated | None, *, proportion: bool = True) -> str | None:
    """A figure in percent with its 95 % interval."""
    if replicated is None:
        return None
    return in_percent(replicated.interval(proportion=proportion))


def in_percent(interval: Interval) -> str:
    """An interval in percent."""
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def shown(protocol: str) -> str:
    """A protocol's name as papers write it: CPS→W; of halves in words."""
    if protocol.startswith("half"):
        halves, _, group = protocol.partition("-")
        return halves.replace("half", "half ").replace("_", " → ") + (f", unseen {group}" if group else "")
    return protocol.upper().replace("_", "→")


def has_several(protocol: str) -> bool:
    """Whether a protocol tests on several targets, which may be pooled or averaged."""
    return len(protocol.partition("_")[2]) > 1


def peeks(measure: str, look: ScoreSelection) -> bool:
    """Whether a figure uses the target's labels, for its threshold or for the choice of the epoch."""
    return measure in TARGET_PEEKING or look.rule == ORACLE_TARGET_EPOCH


def marked(title: str, measure: str, look: ScoreSelection) -> str:
    """A title, with the dagger if its figure uses the target's labels."""
    return f"{title} {DAGGER}" if peeks(measure, look) else title


def covered(seeds: int) -> str:
    """What an interval over subjects and so many seeds says, and does not."""
    if seeds == 1:
        return f"Value [95 % interval over subjects; {ONE_RUN}]"
    return f"Value [95 % interval over subjects and seeds]; {seeds} seeds"
