"""How often the 95 % intervals of shares hold the truth, by simulation: the method in use beside four others.

Run with `python benchmarks/intervals.py`: about five minutes on one core. Rows of a person are correlated either
because people's own rates follow a beta distribution, or by a random effect on the probit scale. Writes
docs/results/intervals.json, of which docs/results/intervals.md is made.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

from facewarden.metrics.intervals import wilson
from facewarden.metrics.shares import direct_upper_ends, share_bounds

Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]
RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
PEOPLE = (20, 40, 100)
SAMPLES = (1, 4, 9)
CORRELATIONS = (0.0, 0.1, 0.3)
BEYOND = (0.6, 0.9)
Z = 1.959964


@dataclass(frozen=True)
class Layout:
    """One cell of the study."""

    model: str
    rate: float
    people: int
    samples: int
    correlation: float

    @property
    def expected(self) -> float:
        """Effective sample size times the rate."""
        return self.people * self.samples / (1 + (self.samples - 1) * self.correlation) * self.rate


def draw(cell: Layout, tables: int, rng: np.random.Generator) -> Floats:
    """(tables, people) errors of every person."""
    rates = np.full((tables, cell.people), cell.rate)
    if cell.correlation and cell.model == "beta":
        odds = (1 - cell.correlation) / cell.correlation
        rates = rng.beta(cell.rate * odds, (1 - cell.rate) * odds, rates.shape)
    elif cell.correlation:
        latent, cut = _latent(cell.rate, cell.correlation), ndtri(cell.rate)
        rates = ndtr((cut + np.sqrt(latent) * rng.standard_normal(rates.shape)) / np.sqrt(1 - latent))
    return rng.binomial(cell.samples, rates).astype(np.float64)


def _latent(rate: float, correlation: float) -> float:
    """Correlation on the probit scale that gives this correlation of the errors themselves."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()

    def gap(latent: float) -> float:
        own = ndtr((ndtri(rate) + np.sqrt(latent) * nodes) / np.sqrt(1 - latent))
        return float((weights @ own**2 - rate**2) / (rate * (1 - rate)) - correlation)

    return float(brentq(gap, 1e-6, 0.9999))


def in_use(errors: Floats, rows: Floats, rate: float) -> Bounds:
    """The shipped bounds; those that hold the truth before they are made monotone hold it afterwards as well."""
    high, low = direct_upper_ends(errors, rows), 1 - direct_upper_ends(rows - errors, rows)
    for table in np.flatnonzero((high < rate) | (low > rate)):
        low[table], high[table] = share_bounds(errors[table], rows)
    return low, high


def _design_effect(errors: Floats, rows: Floats) -> tuple[Floats, Floats]:
    share = errors.sum(axis=1) / rows.sum()
    spread = np.square(errors - share[:, None] * rows).sum(axis=1) * rows.size / (rows.size - 1)
    independent = rows.sum() * share * (1 - share)
    effect = np.divide(spread, independent, out=np.ones_like(share), where=independent > 0)
    return share, np.maximum(effect, 1.0 / rows.size)


def korn_graubard(errors: Floats, rows: Floats, rate: float) -> Bounds:
    """Clopper-Pearson on the sample size that the estimated design effect leaves."""
    share, effect = _design_effect(errors, rows)
    n = rows.sum() / effect * (stdtrit(rows.sum() - 1, 0.975) / stdtrit(rows.size - 1, 0.975)) ** 2
    n = np.minimum(n, rows.sum())
    high = np.where(share >= 1, 1.0, betaincinv(share * n + 1, np.maximum((1 - share) * n, 1e-9), 0.975))
    low = np.where(share <= 0, 0.0, betaincinv(np.maximum(share * n, 1e-9), (1 - share) * n + 1, 0.025))
    return low, high


def agresti_coull(errors: Floats, rows: Floats, rate: float) -> Bounds:
    """Agresti-Coull on the sample size that the estimated design effect leaves."""
    share, effect = _design_effect(errors, rows)
    n = np.minimum(rows.sum() / effect, rows.sum())
    middle = (share * n + Z**2 / 2) / (n + Z**2)
    half = Z * np.sqrt(middle * (1 - middle) / (n + Z**2))
    return middle - half, middle + half


def resampled(errors: Floats, rows: Floats, rng: np.random.Generator, rounds: int) -> dict[str, Bounds]:
    """The bootstrap over people: its percentiles (Wilson over people at 0 and 1, the earlier method), and BCa."""
    people = rows.size
    weights = rng.multinomial(people, np.full(people, 1 / people), rounds).astype(np.float64)
    found = errors @ weights.T / (weights @ rows)
    share = errors.sum(axis=1) / rows.sum()
    low, high = np.quantile(found, [0.025, 0.975], axis=1)
    edge = wilson(0, people).high
    flat = np.ptp(found, axis=1) < 1e-12
    earlier = (np.where(flat, np.where(share > 0.5, 1 - edge, 0.0), low),
               np.where(flat, np.where(share > 0.5, 1.0, edge), high))  # fmt: skip
    below = (found < share[:, None]).mean(axis=1) + (found == share[:, None]).mean(axis=1) / 2
    bias = ndtri(np.clip(below, 0.5 / rounds, 1 - 0.5 / rounds))
    without = (errors.sum(axis=1, keepdims=True) - errors) / (rows.sum() - rows)
    apart = without.mean(axis=1, keepdims=True) - without
    scale = np.square(apart).sum(axis=1) ** 1.5
    skew = np.divide((apart**3).sum(axis=1), 6 * scale, out=np.zeros_like(share), where=scale > 0)
    ordered = np.sort(found, axis=1)

    def end(z: float) -> Floats:
        level = ndtr(bias + (bias + z) / (1 - skew * (bias + z)))
        place = np.clip((level * rounds).astype(int), 0, rounds - 1)
        return np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]

    accelerated = (np.where(flat, earlier[0], end(-Z)), np.where(flat, earlier[1], end(Z)))
    return {"bootstrap, Wilson at 0 and 1": earlier, "BCa, Wilson at 0 and 1": accelerated}


def study_cell(cell: Layout, *, tables: int, rounds: int, rng: np.random.Generator) -> dict[str, Any]:
    """Coverage of every method, misses on either side and widths."""
    errors, rows = draw(cell, tables, rng), np.full(cell.people, float(cell.samples))
    low, high = in_use(errors, rows, cell.rate)
    few = slice(0, max(1, tables // 4))
    others = {"Korn-Graubard": korn_graubard(errors, rows, cell.rate),
              "Agresti-Coull, effective size": agresti_coull(errors, rows, cell.rate)}  # fmt: skip
    others |= resampled(errors[few], rows, rng, rounds) if rounds else {}
    shown = [share_bounds(table, rows) for table in errors[: max(1, tables // 100)]]
    n = rows.sum() / (1 + (cell.samples - 1) * cell.correlation)
    share = errors[: len(shown)].sum(axis=1) / rows.sum()
    exact = np.where(share < 1, betaincinv(share * n + 1, np.maximum((1 - share) * n, 1e-9), 0.975), 1.0)
    exact -= np.where(share > 0, betaincinv(np.maximum(share * n, 1e-9), (1 - share) * n + 1, 0.025), 0.0)
    return {
        "model": cell.model, "rate": cell.rate, "people": cell.people, "samples": cell.samples,
        "correlation": cell.correlation, "expected": round(cell.expected, 3),
        "coverage": _held(low, high, cell.rate), "above": float((low > cell.rate).mean()),
        "below": float((high < cell.rate).mean()),
        "width": float(np.mean([b - a for a, b in shown])),
        "width_against_clopper_pearson": float(np.mean([b - a for a, b in shown]) / exact.mean()),
        "others": {name: _held(*bounds, cell.rate) for name, bounds in others.items()},
    }  # fmt: skip


def _held(low: Floats, high: Floats, rate: float) -> float:
    return float(((low <= rate) & (rate <= high)).mean())


def layouts(correlations: tuple[float, ...], models: tuple[str, ...] = ("beta", "probit")) -> Iterator[Layout]:
    """The cells of the study."""
    for model in models:
        for rate in RATES:
            for people in PEOPLE:
                for samples in SAMPLES:
                    yield from (Layout(model, rate, people, samples, one) for one in correlations)


def summary(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Lowest and mean coverage by method; means over the cells with five effective errors or more."""
    names = list(cells[0]["others"])
    large = [cell for cell in cells if cell["expected"] >= 5]
    found = {}
    for name in ["in use", *names]:
        every = [cell["coverage"] if name == "in use" else cell["others"][name] for cell in cells]
        some = [cell["coverage"] if name == "in use" else cell["others"][name] for cell in large]
        found[name] = {"lowest": min(every), "cells_below_93": sum(one < 0.93 for one in every), "cells": len(every),
                       "mean_where_large": float(np.mean(some)), "cells_large": len(some)}  # fmt: skip
    return found


def main() -> None:
    """Run the study and write its figures."""
    parser = argparse.ArgumentParser(description="Coverage of the intervals of shares.")
    parser.add_argument("--tables", type=int, default=4000, help="simulated tables per cell")
    parser.add_argument("--rounds", type=int, default=400, help="resamples of the bootstraps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/intervals.json"))
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    how = {"tables": options.tables, "rounds": options.rounds, "rng": rng}
    cells = [study_cell(cell, **how) for cell in layouts(CORRELATIONS)]
    beyond = [study_cell(cell, **how) for cell in layouts(BEYOND, ("beta",)) if cell.samples > 1]
    zero = {f"{people} x {samples}": share_bounds(np.zeros(people), np.full(people, float(samples)))[1]
            for people in PEOPLE for samples in SAMPLES}  # fmt: skip
    found = {"tables": options.tables, "rounds": options.rounds, "seed": options.seed, "summary": summary(cells),
             "summary_beyond": summary(beyond), "widths": widths(cells),
             "upper_end_without_errors": zero, "cells": cells, "cells_beyond": beyond}  # fmt: skip
    options.out.write_text(json.dumps(_rounded(found), indent=1) + "\n", encoding="utf-8")
    for name, one in found["summary"].items():
        print(f"{name:32} lowest {one['lowest']:.4f}, below .93: {one['cells_below_93']}, "
              f"mean where large {one['mean_where_large']:.4f}")  # fmt: skip


def widths(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean width and coverage by samples and correlation, below and from five effective errors on."""
    found = []
    for samples in SAMPLES:
        for correlation in CORRELATIONS if samples > 1 else CORRELATIONS[:1]:
            row: dict[str, Any] = {"samples": samples, "correlation": correlation}
            for name, large in (("few", False), ("many", True)):
                some = [c for c in cells if (c["samples"], c["correlation"]) == (samples, correlation)
                        and (c["expected"] >= 5) == large]  # fmt: skip
                row[name] = {"width_ratio": float(np.mean([c["width_against_clopper_pearson"] for c in some])),
                             "coverage": float(np.mean([c["coverage"] for c in some]))}  # fmt: skip
            found.append(row)
    return found


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
