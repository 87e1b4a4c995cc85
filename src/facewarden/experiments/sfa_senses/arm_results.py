"""Results of a `sfa_senses` plan over one list of samples: every arm at every model, head and budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.experiments.engine.kind import CellResult
from facewarden.experiments.sfa_senses.gains import LABELS, ArmPair, Gain, gain_of
from facewarden.experiments.sfa_senses.settings import MAIN, PLAIN, Direction, Sense, SensesPlan

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ArmRow:
    """One arm on one model through one head at one budget.

    Attributes:
        model, head, arm: names.
        eps: in gray levels.
        valid, success: `(n,)` bool over the plan's samples; success is read only where valid.
        gradients: of a sample, at most.
    """

    model: str
    head: str
    arm: str
    eps: float
    valid: Mask
    success: Mask
    gradients: int


@dataclass(frozen=True, eq=False)
class ArmResults:
    """Everything that was measured, over the plan's samples.

    Attributes:
        plan: what was asked.
        label, subject: `(n,)`.
        keys: of the samples, in order.
        clean: model -> what its clean cell found.
        rows: of all arms.
        generators: tag -> their training: epochs, losses, use of the cap.
        simulated: whether the captures are.
        pixels: in which pixels budgets are counted, as text.
    """

    plan: SensesPlan
    label: NDArray[np.int64]
    subject: NDArray[Any]
    keys: tuple[str, ...]
    clean: dict[str, dict[str, Any]]
    rows: list[ArmRow] = field(default_factory=list)
    generators: dict[str, dict[str, Any]] = field(default_factory=dict)
    simulated: bool = False
    pixels: str = ""

    def row(self, model: str, head: str, arm: str, eps: float) -> ArmRow | None:
        """One row, or None where it was not measured."""
        for row in self.rows:
            if (row.model, row.head, row.arm, row.eps) == (model, head, arm, eps):
                return row
        return None

    def share(self, row: ArmRow, direction: Direction) -> float | None:
        """Success of a row in a direction; None without samples."""
        mask = row.valid if LABELS[direction] is None else row.valid & (self.label == LABELS[direction])
        return float(row.success[mask].mean()) if mask.any() else None

    def counts(self, model: str) -> bool:
        """Whether a model is accurate enough to count in senses and controls."""
        return 100.0 * float(self.clean[model]["accuracy"][0]) >= self.plan.min_accuracy

    def gain(self, arm: str, against: str, sense: Sense, *, model: str | None = None) -> Gain | None:
        """What an arm gains over another in a sense, over the cells that both have; of one model where it is named.

        The band chooses cells by the success of `plain`, whatever the arm is compared with.
        """
        return self._of([(row, self.row(row.model, row.head, against, row.eps)) for row in self._of_sense(arm, sense)
                         if model in (None, row.model)], sense)  # fmt: skip

    def either(self, sense: Sense) -> Gain | None:
        """What the better of `plain` and `sfa` gains over `plain`: both gradients are paid."""
        pairs = []
        for row in self._of_sense(MAIN, sense):
            other = self.row(row.model, row.head, PLAIN, row.eps)
            if other is not None:
                both = ArmRow(row.model, row.head, "either", row.eps, row.valid & other.valid,
                              row.success | other.success, 2)  # fmt: skip
                pairs.append((both, other))
        return self._of(pairs, sense)

    def through_decision(self, sense: Sense) -> Gain | None:
        """What the plain attack through the decision gains over the plain attack through the heads of the sense."""
        rows = self._of_sense(PLAIN, sense)
        return self._of([(self.row(row.model, "live", PLAIN, row.eps), row) for row in rows], sense)

    def cost(self, arm: str) -> int:
        """Gradients of a sample, at most."""
        return max((row.gradients for row in self.rows if row.arm == arm), default=0)

    def _of_sense(self, arm: str, sense: Sense) -> list[ArmRow]:
        heads = sense.heads or self.plan.auxiliary
        return [row for row in self.rows if row.arm == arm and self.counts(row.model) and row.head in heads
                and row.eps in (sense.eps or self.plan.eps)]  # fmt: skip

    def _of(self, rows: Sequence[tuple[ArmRow | None, ArmRow | None]], sense: Sense) -> Gain | None:
        pairs = []
        for after, before in rows:
            if after is None or before is None:
                continue
            chooser = self.row(before.model, before.head, PLAIN, before.eps)
            pairs.append(ArmPair(
                f"{after.model} {after.head} {after.eps:g}", after.valid & before.valid, before.success, after.success,
                *((None, None) if chooser is None else (chooser.valid, chooser.success)),
            ))  # fmt: skip
        return gain_of(pairs, unit=sense.unit, direction=sense.direction, band=sense.band, label=self.label,
                       subject=self.subject, seed=self.plan.seed)  # fmt: skip


def read_results(plan: SensesPlan, results: Sequence[CellResult]) -> ArmResults:
    """Put the values of a plan's cells over its samples."""
    clean = {str(r.cell.settings["model"]): dict(r.value) for r in results if r.cell.settings["do"] == "clean"}
    samples = next(iter(clean.values()))["samples"] if clean else []
    found = ArmResults(
        plan,
        np.array([sample["label"] for sample in samples], np.int64),
        np.array([sample["subject"] for sample in samples], np.str_),
        tuple(str(sample["key"]) for sample in samples),
        clean,
        simulated=any(bool(one.get("simulated")) for one in clean.values()),
        pixels=next((f"Gray levels of {r.value['pixels']}." for r in results
                     if r.cell.settings["do"] == "attack" and r.value["key"]), ""),
    )  # fmt: skip
    place = {key: number for number, key in enumerate(found.keys)}
    for result in results:
        settings, value = result.cell.settings, result.value
        if settings["do"] == "generators":
            found.generators[str(settings["tag"])] = _training(value)
        if settings["do"] != "attack":
            continue
        where = [place[key] for key in value["key"]]
        for name, hits in value["success"].items():
            eps, _, arm = name.partition("|")
            valid, success = np.zeros(len(samples), bool), np.zeros(len(samples), bool)
            valid[where] = np.array(hits, int) >= 0
            success[where] = np.array(hits, int) == 1
            found.rows.append(ArmRow(str(settings["model"]), str(settings["head"]), arm, float(eps), valid, success,
                                     int(value["gradients"][arm])))  # fmt: skip
    return found


def _training(value: Any) -> dict[str, Any]:
    """What a training log says: the held-out loss without a map, its lowest, its last, and the use of the cap there."""
    log = value["log"]
    lowest = min(log, key=lambda line: line["held_out_loss"])
    return {
        "epochs": len(log),
        "held_out_before": log[0]["held_out_without_map"],
        "held_out": lowest["held_out_loss"],
        "change": log[-1]["held_out_loss"] / lowest["held_out_loss"] - 1.0,
        "losses": [line["held_out_loss"] for line in log],
        "size": lowest["size"],
        "saturated": lowest["saturated"],
        "sizes": [line["size"] for line in log],
        "samples": value["samples"],
    }
