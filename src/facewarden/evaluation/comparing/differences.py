"""Differences between systems on the same presentations, with intervals by subject of the difference itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.evaluation.comparing.aligned import AlignedTables
from facewarden.evaluation.polarity import look_reversed
from facewarden.evaluation.score_file.halves import parted
from facewarden.evaluation.score_file.measure import one_sided_words, presentation_rows, subjects_of
from facewarden.evaluation.score_file.rows import ScoredRows
from facewarden.metrics.checked import Floats, Ints, area_under_curve, equal_error, error_curve
from facewarden.metrics.curves import CurveReplicates, thin
from facewarden.metrics.intervals import BOOTSTRAP, UNSEEN, percentile_interval
from facewarden.metrics.pad import fit_rule
from facewarden.metrics.paired import least_p, paired_bootstrap_difference
from facewarden.metrics.resample import Resampling, rate_replicates, resampling
from facewarden.metrics.shares import unseen_share
from facewarden.metrics.summary import PresentationRows

HIGHER_IS_BETTER = ("auc",)
_LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """A figure of two systems and what lies between them.

    Attributes:
        metric: its name, such as "apcer/print".
        first, second: names of the systems.
        first_value, second_value: the figure of each.
        value: second less first.
        low, high: 95 % bounds of the difference.
        n: presentations that it was measured on.
        p: two-sided share of resamples beyond no difference; no smaller than so few subjects can give.
        holm: p after Holm's correction for all differences of one comparison.
        better: name of the system that is shown to be better by its interval; empty where none is.
        method: how the bounds were found.
    """

    metric: str
    first: str
    second: str
    first_value: float
    second_value: float
    value: float
    low: float
    high: float
    n: int
    p: float
    holm: float
    better: str
    method: str

    @property
    def shown_among_all(self) -> bool:
        """Whether the difference is shown also when all of them are looked at."""
        return bool(self.better) and bool(self.holm < _LEVEL)


@dataclass(frozen=True)
class ComparedSystems:
    """Systems compared with the first of them.

    Attributes:
        names: of the systems.
        rules: the threshold of each.
        differences: of every system but the first, figure by figure.
        n: presentations of the test rows that all systems answered.
        subjects: people on them; 0 where the tables do not say.
        unanswered: test rows without a response of each system; they are in no figure.
        how: how rows were paired and split.
        remarks: what a reader must know of the tables, with the name of the system.
    """

    names: tuple[str, ...]
    rules: tuple[tuple[str, float], ...]
    differences: tuple[Difference, ...]
    n: int
    subjects: int
    unanswered: tuple[int, ...]
    how: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def compare_systems(
    aligned: AlignedTables, names: Sequence[str], *, policy: str = "eer", thresholds: Sequence[float] = (),
    seed: int = 0, rounds: int = 1000,
) -> ComparedSystems:  # fmt: skip
    """Compare systems with the first one.

    Args:
        aligned: their tables.
        names: of the systems.
        policy: how the threshold of each is set on its dev rows.
        thresholds: given instead, one of each system.
        seed: of the subject bootstrap.
        rounds: resamples for each system but the first: more figures are looked at, and the smallest p must be able to
            pass their correction.

    Raises:
        BadInputError: not one threshold for each system, or a split lacks a class.
        LeakError: a subject is in dev and in test.
    """
    if thresholds and len(thresholds) != len(names):
        raise BadInputError(
            f"{len(thresholds)} thresholds for {len(names)} systems", hint="--threshold with a number for each"
        )
    rounds *= max(1, len(names) - 1)
    parts = [parted(one, given=bool(thresholds)) for one in aligned.tables]
    rules = [
        ("given", thresholds[index]) if part.dev is None else _rule(part.dev, policy)
        for index, part in enumerate(parts)
    ]
    tests = [part.test for part in parts]
    answered = np.logical_and.reduce([one.answered for one in tests])
    kept = [one.take(answered) for one in tests]
    subject, people = subjects_of(kept[0])
    drawn = resampling(subject, people, seed=seed, rounds=rounds)
    rows = [replace(presentation_rows(one, seed=seed, rounds=1), drawn=drawn) for one in kept]
    found: list[Difference] = []
    for index in range(1, len(names)):
        pair = _Pair(rows[0], rows[index], rules[0][1], rules[index][1], seed=seed, rounds=rounds)
        found += pair.differences(names[0], names[index])
    return ComparedSystems(
        names=tuple(names),
        rules=tuple(rules),
        differences=tuple(_with_holm(found)),
        n=int(answered.sum()),
        subjects=0 if kept[0].subject is None else people,
        unanswered=tuple(int((~one.answered).sum()) for one in tests),
        how=(aligned.how, parts[0].how),
        remarks=tuple(_remarks(aligned, kept, names, subject, parts[0].excluded, rules)),
    )


def _remarks(
    aligned: AlignedTables, kept: Sequence[ScoredRows], names: Sequence[str], subject: Ints,
    excluded: Mapping[str, int], rules: Sequence[tuple[str, float]],
) -> Iterator[str]:  # fmt: skip
    yield from (f"Rows in no figure, {reason}: {count}." for reason, count in excluded.items())
    for name, one, table, lost, rule in zip(names, kept, aligned.tables, aligned.unpaired, rules, strict=True):
        turned = look_reversed(one.score, one.bona_fide.astype(np.int64), subject=subject)
        again = f"Rows that repeat an earlier one, counted once: {table.repeated}." if table.repeated else ""
        alone = f"Rows left out, since another table lacks their key or they have none: {lost}." if lost else ""
        odd = one_sided_words(one.score, threshold=rule[1])
        yield from (f"{name}: {told}" for told in (alone, again, *table.remarks, turned, odd) if told)


def _rule(dev: ScoredRows, policy: str) -> tuple[str, float]:
    kept = dev.take(dev.answered)
    rule: DecisionRule = fit_rule(
        kept.score, kept.bona_fide.astype(np.int64), policy=policy, split="dev", species=kept.species.codes,
        source=dev.source,
    )  # fmt: skip
    return rule.policy, rule.threshold


class _Pair:
    """Two systems on the same rows with the same resamples."""

    def __init__(
        self, first: PresentationRows, second: PresentationRows, low: float, high: float, *, seed: int, rounds: int
    ) -> None:
        self.rows = first, second
        self.drawn: Resampling = first.drawn
        self.seed, self.rounds = seed, rounds
        accepted = [rows.scores >= threshold for rows, threshold in zip(self.rows, (low, high), strict=True)]
        self.wrong = [(one != first.bona_fide).astype(np.float64) for one in accepted]

    def differences(self, first: str, second: str) -> list[Difference]:
        names = (first, second)
        groups = {f"apcer/{name}": rows for name, rows in self.rows[0].species.items()}
        if len(groups) > 1:
            groups["apcer_pooled"] = np.flatnonzero(~self.rows[0].bona_fide)
        groups["bpcer"] = np.flatnonzero(self.rows[0].bona_fide)
        found = [self._rate(name, rows, names) for name, rows in groups.items()]
        if len(self.rows[0].species) > 1:
            found.append(self._worst(names))
        return [*found, *self._ranking(names)]

    def _replicates(self, side: int, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
        return rate_replicates(self.wrong[side][rows], self.drawn.unit[rows], self.drawn.weights)

    def _rate(self, name: str, rows: np.ndarray[tuple[int], np.dtype[np.int64]], names: tuple[str, str]) -> Difference:
        ours, theirs = (self.wrong[side][rows] for side in (0, 1))
        found = paired_bootstrap_difference(
            theirs, ours, subjects=self.rows[0].subject[rows], seed=self.seed, rounds=self.rounds
        )
        replicates = self._replicates(1, rows) - self._replicates(0, rows)
        values = float(ours.mean()), float(theirs.mean())
        return _difference(
            name, names, values, (found.low, found.high), replicates, n=rows.size, method=found.method,
            least=least_p(self._differing(rows)),
        )  # fmt: skip

    def _differing(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
        """How many subjects have a decision in which the systems differ."""
        differs = self.wrong[0][rows] != self.wrong[1][rows]
        return np.unique(self.rows[0].subject[rows][differs]).size

    def _worst(self, names: tuple[str, str]) -> Difference:
        each = [np.stack([self._replicates(side, rows) for rows in self.rows[0].species.values()]) for side in (0, 1)]
        values = [
            max(float(self.wrong[side][rows].mean()) for rows in self.rows[0].species.values()) for side in (0, 1)
        ]
        least = least_p(self._differing(np.flatnonzero(~self.rows[0].bona_fide)))
        replicates = [one.max(axis=0) for one in each]
        return self._of("apcer_worst_species", names, (values[0], values[1]), replicates, least=least)

    def _ranking(self, names: tuple[str, str]) -> list[Difference]:
        values: dict[str, list[float]] = {"eer": [], "auc": []}
        replicates: dict[str, list[Floats]] = {"eer": [], "auc": []}
        for rows in self.rows:
            bona_fide, attack = rows.scores[rows.bona_fide], rows.scores[~rows.bona_fide]
            curve = error_curve(bona_fide, attack)
            cells = thin(curve.thresholds, [bona_fide, attack])
            drawn = CurveReplicates(rows.scores, cells, bona_fide=rows.bona_fide, species={}, drawn=self.drawn)
            for name, value, found in (
                ("eer", equal_error(curve)[0], drawn.eer()),
                ("auc", area_under_curve(bona_fide, attack), drawn.auc()),
            ):
                values[name].append(value)
                replicates[name].append(found[:-1] + (value - found[-1]))  # moved to the exact value
        least = least_p(self.drawn.subjects)
        return [
            self._of(name, names, (values[name][0], values[name][1]), replicates[name], least=least) for name in values
        ]

    def _of(
        self, name: str, names: tuple[str, str], values: tuple[float, float], replicates: Sequence[Floats], *,
        least: float,
    ) -> Difference:  # fmt: skip
        difference = replicates[1] - replicates[0]
        n = self.rows[0].scores.size
        found = percentile_interval(
            values[1] - values[0], difference, n=n, subjects=self.drawn.subjects, proportion=False
        )
        ends, method = (found.low, found.high), found.method
        if found.low == found.high:  # all resamples are equal, which is no certainty
            slack = unseen_share(n, self.drawn.subjects)
            ends, method = (max(-1.0, found.value - slack), min(1.0, found.value + slack)), BOOTSTRAP + UNSEEN
        return _difference(name, names, values, ends, difference, n=n, method=method, least=least)


def _difference(
    name: str, names: tuple[str, str], values: tuple[float, float], ends: tuple[float, float], replicates: Floats, *,
    n: int, method: str, least: float,
) -> Difference:  # fmt: skip
    usable = replicates[np.isfinite(replicates)]
    below, above = (np.count_nonzero(usable <= 0), np.count_nonzero(usable >= 0))
    p = min(1.0, max(least, 2 * (int(min(below, above)) + 1) / (usable.size + 1)))
    if least > _LEVEL:
        ends = min(ends[0], 0.0), max(ends[1], 0.0)
    sign = 0 if ends[0] <= 0 <= ends[1] else 1 if ends[0] > 0 else -1
    second_is_better = (sign > 0) == (name in HIGHER_IS_BETTER)
    better = "" if sign == 0 else names[1] if second_is_better else names[0]
    return Difference(
        name, *names, *values, values[1] - values[0], *ends, n=n, p=p, holm=p, better=better, method=method
    )


def _with_holm(found: Sequence[Difference]) -> list[Difference]:
    """Holm, Scandinavian Journal of Statistics 6, 1979: step-down correction, valid for dependent figures."""
    order = sorted(range(len(found)), key=lambda index: found[index].p)
    corrected: Mapping[int, float] = {}
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(found) - rank) * found[index].p))
        corrected = {**corrected, index: highest}
    return [replace(one, holm=corrected[index]) for index, one in enumerate(found)]
