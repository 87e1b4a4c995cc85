"""Grades A to F by explicit limits on measured numbers; the unfavorable end of the 95 % interval decides.

The tables below are the whole rule: `docs/report.md` prints them, the page quotes the line that gave the grade. A
section whose deciding number is absent, has no interval or rests on too few samples gets no grade and says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from facewarden.core.settings.budget import same_budget
from facewarden.reporting.document import LETTERS, Metric, SectionName
from facewarden.reporting.format import group_text, label, measured, number


@dataclass(frozen=True)
class Scale:
    """The grading table of one section.

    Attributes:
        metric: the number that decides.
        limits: highest upper interval end that still gets A, B, C, ...; what lies above gets the letter after the last.
        min_n: fewest samples that are graded.
    """

    metric: str
    limits: tuple[float, ...]
    min_n: int

    def letter(self, value: float) -> str:
        """The grade of a number: the first letter whose limit it does not exceed."""
        return next(
            (letter for letter, limit in zip(LETTERS, self.limits, strict=False) if value <= limit),
            LETTERS[len(self.limits)],
        )


SCALES: Mapping[SectionName, Scale] = MappingProxyType(
    {
        "presentation": Scale("acer_worst_species", (0.025, 0.05, 0.10, 0.20, 0.35), min_n=50),
        "perturbation": Scale("success_rate", (0.05, 0.15, 0.30, 0.50), min_n=20),
        "poisoning": Scale("excess_protection_rate", (0.05, 0.10, 0.20, 0.40, 0.70), min_n=20),
    }
)
"""Section -> its limits. Perturbation stops at D: past that, `E_BUDGET` parts E from F."""

BUDGET = "8/255"
"""The budget at which perturbation is graded: the field's usual L-infinity radius."""

E_BUDGET = 2.0
"""Gray levels: above the limit of D, a model of which half the samples still resist this budget gets E, else F."""

ACCURACY_PRICE = 0.02
"""A purifier that costs more verification accuracy than this is no defense and cannot be the best one."""

RECOGNIZER_FAILS = 0.20
"""A recognizer that misses a larger share of people who do not cloak tells nothing of cloaks: no grade."""

UNPURIFIED = ("none", "identity")
"""Purifier names that stand for training on the images as they come."""


@dataclass(frozen=True)
class Verdict:
    """A grade, or None, and the measured number and rule that gave it."""

    letter: str | None
    reason: str


def grade(section: SectionName, metrics: Iterable[Metric]) -> Verdict:
    """Grade a section by its metrics; the names are listed in `facewarden.reporting.document`.

    Args:
        section: which table applies.
        metrics: all metrics of the section; those that the table does not name do not count.
    """
    rules: dict[SectionName, Callable[[tuple[Metric, ...]], Verdict]] = {
        "presentation": grade_presentation,
        "perturbation": grade_perturbation,
        "poisoning": grade_poisoning,
    }
    return rules[section](tuple(metrics))


def grade_presentation(metrics: tuple[Metric, ...]) -> Verdict:
    """Grade by the ACER of the worst species: a detector is as good as the attack that it stops worst."""
    scale = SCALES["presentation"]
    found = _named(metrics, scale.metric)
    whole = [metric for metric in found if not metric.group]  # the whole test set goes before parts such as a domain
    return _by_worst(scale, whole or found)


def grade_perturbation(metrics: tuple[Metric, ...]) -> Verdict:
    """Grade by the strongest attack at a budget of 8/255 and, past D, by the smallest budget that flips half."""
    scale = SCALES["perturbation"]
    at_budget = [m for m in _named(metrics, scale.metric) if same_budget(m.group.get("eps", ""), BUDGET)]
    verdict = _by_worst(scale, at_budget, where=f" at a budget of {BUDGET}")
    if verdict.letter != LETTERS[len(scale.limits)]:
        return verdict
    half = _named(metrics, "eps_half")
    if not half and all(metric.value < 0.5 for metric in at_budget):
        return Verdict("E", f"{verdict.reason} No measured budget flips half of the samples, so it is E and not F.")
    halves = [metric for metric in half if metric.low is not None and metric.n >= scale.min_n]
    if not halves:
        return Verdict("F", f"{verdict.reason} No measured budget that flips half lifts it to E.")
    weakest = min(halves, key=_low)
    holds = _low(weakest) >= E_BUDGET
    return Verdict(
        "E" if holds else "F",
        f"{verdict.reason} Half of the samples flip at {measured(weakest)}: its lower end "
        f"{'reaches' if holds else 'stays below'} {number(E_BUDGET, unit='/255')}, the mark between E and F.",
    )


def capped(verdict: Verdict, found: Iterable[Metric]) -> tuple[Verdict, Metric | None]:
    """The grade of perturbation where an attacker of another kind is shown to do worse than the letter allows.

    Few samples climb the ladder of attackers, so only the lower end of an interval can worsen a grade, never the upper.

    Args:
        verdict: by the attacks of the grid.
        found: shares that other attackers get accepted at the budget of the grade.

    Returns:
        The verdict, and the metric that worsened it; None where none did.
    """
    scale = SCALES["perturbation"]
    worst = max(found, key=_low, default=None)
    if verdict.letter is None or worst is None or worst.low is None:
        return verdict, None
    letter = scale.letter(worst.low)
    index = LETTERS.index(letter)
    if index <= LETTERS.index(verdict.letter):
        return verdict, None
    limit = f"{number(scale.limits[index - 1], unit=worst.unit)}, the limit of {LETTERS[index - 1]}"
    reason = (
        f"{label(worst.name)} is {measured(worst)} ({group_text(worst.group)}); even the lower end of its interval, "
        f"{number(worst.low, unit=worst.unit)}, is above {limit}. The attacks of the grid alone would get "
        f"{verdict.letter}: {verdict.reason}"
    )
    return Verdict(letter, reason), worst


def grade_poisoning(metrics: tuple[Metric, ...]) -> Verdict:
    """Grade by what cloaks add to the error without a cloak, behind a purifier whose price in accuracy is bearable.

    For each purifier the most protective cloak counts. The best purifier is the one with the lowest point value, ties
    by name; the grade is the best one that any purifier is shown to reach. The owner of a training pipeline wants this
    low. A recognizer that misses people who do not cloak is not graded, and where the error without a cloak was not
    measured the whole protection rate counts.
    """
    scale = SCALES["poisoning"]
    missed = [metric for metric in _named(metrics, "natural_error") if _purifier(metric) in UNPURIFIED]
    surest = min(missed, key=lambda metric: metric.value, default=None)
    if surest is not None and surest.value > RECOGNIZER_FAILS:
        return Verdict(
            None,
            f"Not graded: the recognizer misses {measured(surest)} of the searches for people who do not cloak, more "
            f"than {number(RECOGNIZER_FAILS, unit='%')}; what a cloak adds says little then.",
        )
    by_purifier: dict[str, list[Metric]] = {}
    for metric in _named(metrics, scale.metric) or _named(metrics, "protection_rate"):
        by_purifier.setdefault(_purifier(metric), []).append(metric)
    accuracy = {_purifier(metric): metric for metric in _named(metrics, "verification_accuracy")}
    plain = next((accuracy[name] for name in UNPURIFIED if name in accuracy), None)
    bearable = {name: found for name, found in by_purifier.items() if _bearable(accuracy.get(name), plain, name=name)}
    if by_purifier and not bearable:
        return Verdict(
            None,
            "Not graded: no purifier was measured whose verification accuracy stays within "
            f"{number(ACCURACY_PRICE, unit='%')} of that without purifying.",
        )
    graded = {name: found for name, found in bearable.items() if all(_usable(metric, scale) for metric in found)}
    if not graded:
        return _by_worst(scale, [metric for found in bearable.values() for metric in found])
    best = min(graded, key=lambda name: (max(metric.value for metric in graded[name]), name))
    surely = min(graded, key=lambda name: (_highest(graded[name]), name != best, name))
    if scale.letter(_highest(graded[surely])) == scale.letter(_highest(graded[best])):
        surely = best
    where, other = f" behind {surely.replace('_', ' ')}", ""
    if len(graded) > 1:
        many = f"best of {len(graded)} by the number itself"
        where += f", {many}" if surely == best else ""
        lowest = measured(max(graded[best], key=_high))
        other = (
            "" if surely == best else f" The {many} is {best.replace('_', ' ')} ({lowest}), whose interval is wider."
        )
    verdict = _by_worst(scale, graded[surely], where=where)
    kept = accuracy.get(surely)
    price = f"verification accuracy is then {measured(kept)}" if kept else "verification accuracy was not measured"
    before = f", {number(plain.value, unit=plain.unit)} without purifying" if plain and plain is not kept else ""
    return Verdict(verdict.letter, f"{verdict.reason}{other} Its price: {price}{before}.")


def _by_worst(scale: Scale, found: list[Metric], *, where: str = "") -> Verdict:
    """Grade by the metric with the highest upper end among those of one name."""
    what = label(found[0].name if found else scale.metric) + where
    if not found:
        return Verdict(None, f"Not graded: {what} was not measured.")
    usable = [metric for metric in found if _usable(metric, scale)]
    if not usable:
        widest = max(found, key=lambda metric: metric.n)
        lack = "it has no interval" if widest.high is None else f"a grade needs {scale.min_n} samples"
        return Verdict(None, f"Not graded: {what} is {measured(widest)}, but {lack}.")
    worst = max(usable, key=_high)
    letter, at_point = scale.letter(_high(worst)), scale.letter(worst.value)
    index = LETTERS.index(letter)
    end = f"the upper end of its interval, {number(_high(worst), unit=worst.unit)},"
    if index < len(scale.limits):
        rule = f"{end} is within {number(scale.limits[index], unit=worst.unit)}, the limit of {letter}."
    else:
        rule = f"{end} is above {number(scale.limits[-1], unit=worst.unit)}, the limit of {LETTERS[index - 1]}."
    who = group_text(worst.group)
    hope = "" if at_point == letter else f" The point alone would get {at_point}: more samples narrow the interval."
    few = _too_few(found, scale, above=worst.value)
    return Verdict(letter, f"{what} is {measured(worst)}{f' ({who})' if who else ''}; {rule}{hope}{few}")


def _too_few(found: list[Metric], scale: Scale, *, above: float) -> str:
    """A sentence on worse figures that the grade does not count, since too few samples carry them."""
    worse = [metric for metric in found if not _usable(metric, scale) and metric.value > above]
    if not worse:
        return ""
    highest = max(worse, key=lambda metric: metric.value)
    who = group_text(highest.group)
    return (
        f" Not counted: {measured(highest)}{f' ({who})' if who else ''}, which is worse; a grade needs "
        f"{scale.min_n} samples and an interval."
    )


def _named(metrics: tuple[Metric, ...], name: str) -> list[Metric]:
    return [metric for metric in metrics if metric.name == name]


def _usable(metric: Metric, scale: Scale) -> bool:
    return metric.high is not None and metric.n >= scale.min_n


def _bearable(kept: Metric | None, plain: Metric | None, *, name: str) -> bool:
    if name in UNPURIFIED:
        return True
    # the small slack keeps a loss of exactly the allowed price bearable in binary floating point
    return kept is not None and plain is not None and plain.value - kept.value <= ACCURACY_PRICE + 1e-12


def _purifier(metric: Metric) -> str:
    return metric.group.get("purifier", UNPURIFIED[0])


def _highest(found: list[Metric]) -> float:
    return max(_high(metric) for metric in found)


def _high(metric: Metric) -> float:
    return math.inf if metric.high is None else metric.high


def _low(metric: Metric) -> float:
    return -math.inf if metric.low is None else metric.low


def _close(one: float, other: float) -> bool:
    return abs(one - other) < 1e-9
