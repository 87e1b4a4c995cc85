"""Demographic differentials: how far two error rates lie apart between groups, and how far chance alone puts them.

Two rates are compared at one global threshold: of presentation attack detection APCER (of one PAI species) and BPCER,
of recognition FMR and FNMR. With few people per group the largest difference is large by chance, so every measure
stands beside the value that it has when groups are assigned to people at random (a permutation over subjects), and
beside a bootstrap interval by subject.

- gap: highest rate less the lowest.
- ratio: highest rate by the lowest.
- FDR = 1 - (alpha A + (1 - alpha) B), A and B the gaps of both rates; 1 = equal.
- inequity ratio IR = ratio(first)^alpha * ratio(second)^(1 - alpha); 1 = equal, undefined where a rate is 0.
- GARBE = alpha G(first) + (1 - alpha) G(second), G = n/(n-1) sum |xi - xj| / (2 n^2 mean) (Gini); 0 = equal.

Sources: de Freitas Pereira and Marcel, TBIOM 2021 (FDR); NIST IR 8429 (IR); Howard et al., arXiv 2203.05051 (GARBE).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facewarden.core.seeding import checked_seed
from facewarden.metrics.checked import Floats, Ints
from facewarden.metrics.intervals import Interval, count_interval
from facewarden.metrics.resample import resampling

ALPHA = 0.5
MEASURES = ("gap_first", "gap_second", "ratio_first", "ratio_second", "fdr", "inequity_ratio", "garbe")
_CELLS = 20_000_000  # of permuted people at once
_LOWER_IS_WORSE = ("fdr",)
_RATIOS = ("ratio_first", "ratio_second", "inequity_ratio")


@dataclass(frozen=True, eq=False)
class Counts:
    """Errors of every unit that is permuted: a subject, or a subject's rows of one group where a group changes.

    Attributes:
        group: (u,) group of each unit.
        subject: (u,) whose rows they are.
        errors, rows: (2, u) of the first and the second rate.
        names: of the groups.
    """

    group: Ints
    subject: Ints
    errors: Floats
    rows: Floats
    names: tuple[str, ...]


@dataclass(frozen=True)
class Measure:
    """One measure of how far groups lie apart.

    Attributes:
        name: one of `MEASURES`.
        value: as measured; None where it is not defined, since a group has no error.
        low, high: 95 % bounds of the bootstrap by subject; None where resamples are not defined either.
        at_least: lower bound of a ratio that is not defined: by the upper bounds of the groups without error.
        expected: mean, of ratios the median, where groups are assigned to people at random; None where not defined.
        p: share of random dealings that are at least as unequal.
        groups: how many groups were compared.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    at_least: float | None
    expected: float | None
    p: float
    groups: int


@dataclass(frozen=True)
class Differentials:
    """Rates by group and measures over the groups.

    Attributes:
        rates: group -> (first rate, second rate), None where a group has no rows of it.
        subjects: group -> how many people.
        measures: over the groups that have both rates.
        left_out: groups without one of the rates.
        rounds: permutations and resamples.
    """

    rates: dict[str, tuple[Interval | None, Interval | None]]
    subjects: dict[str, int]
    measures: tuple[Measure, ...]
    left_out: tuple[str, ...]
    rounds: int


def counts_of(
    wrong: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], *, group: Ints, subject: Ints, names: Sequence[str]
) -> Counts:
    """Count errors by person and group.

    Args:
        wrong: (n,) which rows are decided wrongly.
        second: (n,) which rows count in the second rate; the others count in the first.
        group: (n,) group of each row, -1 where it is not known; such rows are left out.
        subject: (n,) who is on each row.
        names: of the groups.
    """
    known = group >= 0
    wrong, second, group, subject = wrong[known], second[known], group[known], subject[known]
    units, unit = np.unique(subject * max(len(names), 1) + group, return_inverse=True)
    sides = ~second, second
    errors = np.stack(
        [np.bincount(unit, weights=(wrong & side).astype(np.float64), minlength=units.size) for side in sides]
    )
    rows = np.stack([np.bincount(unit, weights=side.astype(np.float64), minlength=units.size) for side in sides])
    kinds = max(len(names), 1)
    return Counts(
        group=(units % kinds).astype(np.int64),
        subject=(units // kinds).astype(np.int64),
        errors=errors.astype(np.float64),
        rows=rows.astype(np.float64),
        names=tuple(names),
    )


def differentials(counts: Counts, *, seed: int = 0, rounds: int = 1000, alpha: float = ALPHA) -> Differentials:
    """Rates by group and measures of how far they lie apart.

    Args:
        counts: by person and group, see `counts_of`.
        seed, rounds: of permutations and of the bootstrap. Of very many people fewer permutations are made.
        alpha: weight of the first rate.
    """
    rng = np.random.default_rng(checked_seed(seed))
    rates: dict[str, tuple[Interval | None, Interval | None]] = {}
    subjects = {}
    for code, name in enumerate(counts.names):
        inside = counts.group == code
        if inside.any():
            first, second = (_rate(counts, side, inside) for side in (0, 1))
            rates[name] = (first, second)
            subjects[name] = int(np.unique(counts.subject[inside]).size)
    kept = [code for code, name in enumerate(counts.names) if name in rates and None not in rates[name]]
    left_out = tuple(name for name in rates if None in rates[name])
    if len(kept) < 2:
        return Differentials(rates, subjects, (), left_out, rounds)
    inside = np.isin(counts.group, kept)
    place = np.full(len(counts.names), -1)
    place[kept] = np.arange(len(kept))
    group = place[counts.group[inside]]
    table = np.concatenate([counts.errors[:, inside], counts.rows[:, inside]])  # (4, units)
    real = _sums(group[None], table, len(kept))
    permuted = min(rounds, max(100, _CELLS * 4 // group.size))
    chance = _permuted(group, table, len(kept), rounds=permuted, rng=rng)
    subject = np.unique(counts.subject[inside], return_inverse=True)[1]
    again = _resampled(group, table, subject, len(kept), seed=seed, rounds=rounds)
    uppers = [[held.high for name in rates if name not in left_out if (held := rates[name][side])] for side in (0, 1)]
    measures = measures_of(real, chance, again, uppers=uppers, alpha=alpha)
    return Differentials(rates, subjects, measures, left_out, permuted)


def measures_of(
    real: Floats, chance: Floats, again: Floats, *, uppers: list[list[float]], alpha: float = ALPHA
) -> tuple[Measure, ...]:
    """Every measure from sums by group: errors of both rates, then rows of both, along the second axis.

    Args:
        real: (1, 4, groups) as they are.
        chance: (permutations, 4, groups) with groups assigned at random.
        again: (resamples, 4, groups) of the bootstrap.
        uppers: of both rates, the upper bounds of every group, for ratios that are not defined.
        alpha: weight of the first rate.
    """
    values, shuffled, drawn = (_measures(sums, alpha) for sums in (real, chance, again))
    least = _at_least(values, uppers, alpha)
    return tuple(
        _measure(name, float(values[name][0]), shuffled[name], drawn[name], least.get(name), real.shape[2])
        for name in MEASURES
    )


def _rate(counts: Counts, side: int, inside: npt.NDArray[np.bool_]) -> Interval | None:
    who = np.unique(counts.subject[inside], return_inverse=True)[1]
    errors = np.bincount(who, weights=counts.errors[side, inside])
    rows = np.bincount(who, weights=counts.rows[side, inside])
    return count_interval(errors, rows) if rows.sum() else None


def _sums(group: Ints, table: Floats, groups: int) -> Floats:
    """(rounds, 4, groups) sums of the table by group, for (rounds, units) groups."""
    found = np.empty((group.shape[0], table.shape[0], groups))
    for code in range(groups):
        found[:, :, code] = (group == code).astype(np.float64) @ table.T
    return found


def _permuted(group: Ints, table: Floats, groups: int, *, rounds: int, rng: np.random.Generator) -> Floats:
    step = max(1, _CELLS // (8 * group.size))
    parts = []
    for start in range(0, rounds, step):
        groups_again = np.broadcast_to(group, (min(step, rounds - start), group.size))
        parts.append(_sums(rng.permuted(groups_again, axis=1), table, groups))
    return np.concatenate(parts)


def _resampled(group: Ints, table: Floats, subject: Ints, groups: int, *, seed: int, rounds: int) -> Floats:
    drawn = resampling(subject, int(subject.max()) + 1, seed=seed, rounds=rounds)
    units = drawn.weights.shape[1]
    place = drawn.unit * groups + group
    found = np.empty((rounds, 4, groups))
    for row in range(4):
        held = np.bincount(place, weights=table[row], minlength=units * groups).reshape(units, groups)
        found[:, row] = drawn.weights.astype(np.float64) @ held
    return found


def _measures(sums: Floats, alpha: float) -> dict[str, Floats]:
    """Name -> (rounds,) measures from (rounds, 4, groups) sums: errors of both rates, rows of both."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = sums[:, :2] / sums[:, 2:]
        high, low = rates.max(axis=2), rates.min(axis=2)
        gap, ratio = high - low, np.where((low == 0) & (high == 0), 1.0, high / low)
        spread = np.abs(rates[:, :, :, None] - rates[:, :, None, :]).sum(axis=(2, 3))
        n, mean = rates.shape[2], rates.mean(axis=2)
        gini = np.where(mean == 0, 0.0, n / (n - 1) * spread / (2 * n * n * mean))
        weights = np.array([alpha, 1 - alpha])
        return {
            "gap_first": gap[:, 0],
            "gap_second": gap[:, 1],
            "ratio_first": ratio[:, 0],
            "ratio_second": ratio[:, 1],
            "fdr": 1 - gap @ weights,
            "inequity_ratio": ratio[:, 0] ** alpha * ratio[:, 1] ** (1 - alpha),
            "garbe": gini @ weights,
        }


def _at_least(real: dict[str, Floats], uppers: list[list[float]], alpha: float) -> dict[str, float]:
    """Lower bounds of ratios that a group without errors leaves undefined."""
    gaps = (float(real["gap_first"][0]), float(real["gap_second"][0]))  # the lowest rate is 0: the gap is the highest
    sides = []
    for name, gap, upper in zip(("ratio_first", "ratio_second"), gaps, uppers, strict=True):
        value = float(real[name][0])
        sides.append(value if np.isfinite(value) else max(1.0, gap / min(upper)))
    return {
        "ratio_first": sides[0],
        "ratio_second": sides[1],
        "inequity_ratio": sides[0] ** alpha * sides[1] ** (1 - alpha),
    }


def _measure(name: str, value: float, chance: Floats, again: Floats, least: float | None, groups: int) -> Measure:
    defined = bool(np.isfinite(value))
    usable = again[np.isfinite(again)]
    enough = defined and usable.size >= 0.95 * again.size
    low, high = (float(end) for end in np.quantile(usable, [0.025, 0.975])) if enough else (None, None)
    chance = chance[~np.isnan(chance)]  # a dealing may leave a group without rows of a rate: it says nothing
    worse = chance <= value + 1e-12 if name in _LOWER_IS_WORSE else chance >= value - 1e-12
    middle = float("nan") if not chance.size else float(np.median(chance) if name in _RATIOS else chance.mean())
    return Measure(
        name=name,
        value=value if defined else None,
        low=None if low is None else min(low, value),
        high=None if high is None else max(high, value),
        at_least=None if defined else least,
        expected=middle if np.isfinite(middle) else None,
        p=float((1 + np.count_nonzero(worse)) / (1 + chance.size)),
        groups=groups,
    )
