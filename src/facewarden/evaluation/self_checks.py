"""What must hold of measured success rates if the attacks work, and signs that they were misled.

A robustness number is an upper bound: a weak attack looks like a strong defense. These checks read the rows that were
measured anyway, and a short look at the model, and say where the numbers contradict themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.attack import CountedObjective
from facewarden.core.batch import FaceBatch
from facewarden.core.compute.finite import computed_rows
from facewarden.core.objective import Objective
from facewarden.core.threat import ThreatModel

Source = Literal["white_box", "score", "transfer", "noise"]

_DOUBT = 0.05  # chance of a drop this large among flips that are coin tosses, below which a check fails
_ROUNDING = 0.0005  # half of the last digit that is printed
_ENSEMBLE = "auto_binary"
_FLAT = 0.1  # share of samples without gradient above which white-box numbers mean little


@dataclass(frozen=True, eq=False)
class MeasuredRow:
    """Success of one attack at one budget, on samples that are decided correctly when clean.

    Attributes:
        attack: its name.
        source: what it knows: gradients of the model ("white_box"), its scores, another model's gradients, nothing.
        eps: budget, in any unit that rows share.
        success: `(n,)` bool, samples in an order that rows share.
        steps: gradient steps, where they were varied.
        where: what else sets rows apart; only rows of one place are compared.
    """

    attack: str
    source: Source
    eps: float
    success: NDArray[np.bool_]
    steps: int | None = None
    where: str = ""

    @property
    def rate(self) -> float:
        """Share of successes."""
        return float(np.mean(self.success)) if len(self.success) else float("nan")


@dataclass(frozen=True)
class ModelSigns:
    """What a short look at a model showed, on clean images.

    Attributes:
        flat: share of samples whose gradient is zero or not finite, in every pixel.
        unsteady: share of samples whose loss differs between two looks at the same image.
        n: samples looked at.
    """

    flat: float
    unsteady: float
    n: int


@dataclass(frozen=True)
class CheckOutcome:
    """Outcome of one self-check.

    Attributes:
        check: what must hold.
        where: of which rows.
        holds: whether it does; None where the rows that it needs were not measured.
        detail: the numbers behind it.
    """

    check: str
    where: str
    holds: bool | None
    detail: str = ""

    @property
    def words(self) -> str:
        """The outcome as a report prints it."""
        if self.holds is None:
            return "not measured"
        return (f"holds ({self.detail})" if self.detail else "holds") if self.holds else f"FAILED: {self.detail}"


def look_at(objective: Objective, threat: ThreatModel) -> ModelSigns:
    """Look twice at a model: at its gradients and at whether it repeats itself.

    Args:
        objective: model and samples; one without gradients counts as flat.
        threat: which modalities' gradients matter.
    """
    n = len(objective.keys)
    with torch.no_grad():
        first, again = objective.loss(objective.clean), objective.loss(objective.clean)
    unsteady = float((first != again).float().mean()) if n else 0.0
    if not objective.differentiable or not n:
        return ModelSigns(flat=1.0 if n else 0.0, unsteady=unsteady, n=n)

    def alive(rows: list[int]) -> int:
        part = objective if len(rows) == n else objective.select(rows)
        gradients, _ = CountedObjective(part, threat, 0).gradient(part.clean)
        largest = torch.stack([gradient.flatten(1).abs().amax(dim=1) for gradient in gradients.values()]).amax(dim=0)
        return int((largest > 0.0).sum())

    _, found = computed_rows(n, alive)  # samples whose gradient is not finite are left out, and flat
    return ModelSigns(flat=1.0 - (found or 0) / n, unsteady=unsteady, n=n)


def look_at_classes(
    batches: Sequence[FaceBatch], goal: Callable[[FaceBatch], Objective], threat: ThreatModel, *, each: int = 16
) -> ModelSigns:
    """Look at samples of both classes: a model may have gradients on one of them only.

    Args:
        batches: labeled samples, in any order.
        goal: makes the objective of a batch.
        threat: which modalities' gradients matter.
        each: how many samples of each class to look at, from the first batches that have them.
    """
    seen: list[ModelSigns] = []
    for label in (0, 1):
        left = each
        for batch in batches:
            assert batch.label is not None
            rows = torch.nonzero(batch.label == label).flatten()[:left]
            if len(rows):
                seen.append(look_at(goal(batch.select(rows)), threat))
                left -= len(rows)
    n = sum(signs.n for signs in seen)
    flat, unsteady = (sum(getattr(signs, what) * signs.n for signs in seen) for what in ("flat", "unsteady"))
    return ModelSigns(flat / n, unsteady / n, n) if n else ModelSigns(0.0, 0.0, 0)


def self_checks(
    rows: Sequence[MeasuredRow], signs: ModelSigns | None = None, *, unlimited: float = 0.5
) -> tuple[CheckOutcome, ...]:
    """Check measured rows against each other and against the model.

    Rates are compared sample by sample: a check fails where one side wins so often among the samples on which two rows
    differ that a fair coin would not (one-sided sign test at 5 %); smaller contradictions are named in the detail.
    Success that falls by more than rounding as the budget grows fails at once: balls are nested, so it is the attack's
    own doing.

    Args:
        rows: everything measured on the same samples; rows with other samples belong into another call.
        signs: what `look_at` saw.
        unlimited: from which budget on every decision can be flipped, in the unit of the rows; an Linf budget of half
            the pixel range turns every image into the same gray.
    """
    found: list[CheckOutcome] = []
    for where in dict.fromkeys(row.where for row in rows):
        here = [row for row in rows if row.where == where]
        found += [_zero(here, where), *_grows(here, where), *_knowledge(here, where), *_masking(here, where, unlimited)]
    if signs is not None:
        alive, steady = signs.flat <= _FLAT, signs.unsteady == 0.0
        found.append(
            CheckOutcome(
                "the model has gradients", "", alive, f"none on {signs.flat:.0%} of {signs.n}" if not alive else ""
            )
        )
        detail = f"the same image scores otherwise on {signs.unsteady:.0%} of {signs.n}: average over draws"
        found.append(CheckOutcome("the model repeats itself", "", steady, "" if steady else detail))
    return tuple(found)


def _zero(rows: Sequence[MeasuredRow], where: str) -> CheckOutcome:
    check = "a budget of zero changes nothing"
    zero = [row for row in rows if row.eps == 0.0]
    if not zero:
        return CheckOutcome(check, where, None)
    wrong = [row for row in zero if row.success.any()]
    return CheckOutcome(
        check, where, not wrong, f"{wrong[0].attack} flips {wrong[0].rate:.1%} without a budget" if wrong else ""
    )


def _grows(rows: Sequence[MeasuredRow], where: str) -> Iterator[CheckOutcome]:
    """Success may not fall as the budget or the number of steps grows, other things equal."""
    by_eps: dict[tuple[str, str, int | None], list[MeasuredRow]] = {}
    by_steps: dict[tuple[str, str, float], list[MeasuredRow]] = {}
    for row in rows:
        by_eps.setdefault((row.attack, row.source, row.steps), []).append(row)
        if row.steps is not None:
            by_steps.setdefault((row.attack, row.source, row.eps), []).append(row)
    budgets = [sorted(group, key=lambda row: row.eps) for group in by_eps.values()]
    steps = [sorted(group, key=lambda row: row.steps or 0) for group in by_steps.values()]
    yield _rising("success grows with the budget", where, budgets, _at, strict=True)
    yield _rising("success grows with the steps", where, steps, lambda row: f"{row.attack} of {row.steps} steps")


def _rising(
    check: str,
    where: str,
    groups: Sequence[Sequence[MeasuredRow]],
    name: Callable[[MeasuredRow], str],
    *,
    strict: bool = False,
) -> CheckOutcome:
    pairs = [pair for group in groups for pair in pairwise(group)]
    return _compared(check, where, [(high, low) for low, high in pairs], name, strict=strict)


def _knowledge(rows: Sequence[MeasuredRow], where: str) -> Iterator[CheckOutcome]:
    def best(source: Source, eps: float) -> MeasuredRow | None:
        found = [row for row in rows if row.source == source and row.eps == eps]
        return max(found, key=lambda row: row.rate, default=None)

    budgets = sorted({row.eps for row in rows if row.eps > 0.0})
    order: tuple[tuple[Source, Source, str], ...] = (
        ("white_box", "noise", "gradients beat noise"),
        ("white_box", "transfer", "gradients beat another model's gradients"),
        ("transfer", "noise", "another model's gradients beat noise"),
        ("white_box", "score", "gradients beat scores"),
    )
    for strong, weak, check in order:
        pairs = [(a, b) for eps in budgets if (a := best(strong, eps)) and (b := best(weak, eps))]
        if pairs or (strong, weak) == ("white_box", "noise"):
            yield _compared(check, where, pairs, _at)


def _masking(rows: Sequence[MeasuredRow], where: str, unlimited: float) -> Iterator[CheckOutcome]:
    """Iterating beats one step, and a budget without limits flips everything: else gradients mislead."""
    white = [row for row in rows if row.source == "white_box"]
    pairs = []
    for row in white:
        single = row.attack == "fgsm" or row.steps == 1
        others = [r for r in white if r.eps == row.eps and r.attack not in ("fgsm", _ENSEMBLE) and r.steps != 1]
        if single and others:
            pairs.append((max(others, key=lambda r: r.rate), row))
    if pairs:
        yield _compared("many steps beat one", where, pairs, _at)
    joined = [(row, other) for row in white for other in white
              if row.attack == _ENSEMBLE != other.attack and row.eps == other.eps]  # fmt: skip
    if joined:
        yield _compared("an ensemble of attacks beats each one", where, joined, _at)
    wide = [row for row in white if row.eps >= unlimited and len(row.success)]
    if wide:
        top = max(wide, key=lambda row: row.rate)
        holds = top.rate >= 0.95
        yield CheckOutcome(
            "an unlimited budget flips everything",
            where,
            holds,
            "" if holds else f"{top.attack} at {top.eps:.3g} flips {top.rate:.1%}: gradients are masked",
        )


def _coin(heads: int, tosses: int) -> float:
    """Chance of at least so many heads of a fair coin."""
    return sum(math.comb(tosses, count) for count in range(heads, tosses + 1)) / (1 << tosses)


def _at(row: MeasuredRow) -> str:
    return f"{row.attack} at {row.eps:.3g}"


def _compared(
    check: str,
    where: str,
    pairs: Sequence[tuple[MeasuredRow, MeasuredRow]],
    name: Callable[[MeasuredRow], str],
    *,
    strict: bool = False,
) -> CheckOutcome:
    """The first row of each pair must succeed at least as often as the second; only strict checks forbid chance."""
    if not pairs:
        return CheckOutcome(check, where, None)
    small = ""
    for strong, weak in pairs:
        lost = int((weak.success.astype(bool) & ~strong.success.astype(bool)).sum())
        won = int((strong.success.astype(bool) & ~weak.success.astype(bool)).sum())
        if lost <= won:
            continue
        detail = f"{name(strong)} flips {strong.rate:.1%}, {name(weak)} {weak.rate:.1%}"
        if _coin(lost, lost + won) < _DOUBT:
            return CheckOutcome(check, where, False, detail)
        if strict and weak.rate - strong.rate > _ROUNDING:
            return CheckOutcome(check, where, False, f"{detail}; chance could do it")
        small = small or f"{detail}, within {'rounding' if strict else 'chance'}"
    return CheckOutcome(check, where, True, small)
