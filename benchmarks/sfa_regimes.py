"""In which regime SFA helped in the run of `fine_grained`: its published rates by cell, with the ceiling of every gain.

python benchmarks/sfa_regimes.py --run docs/results/fine_grained/summary.json \\
    --out docs/results/fine_grained/regimes.json

A cell is a network, a head, an attack and a budget, in one direction. Single captures were not stored, so that cells
can only be chosen on the captures that count: choosing by the rate without SFA would turn its chance into a gain. Cells
are chosen by the mean of their two rates instead, which favors neither. There is no interval by subject; the range over
the networks stands in its place.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

_TITLE = re.compile(r"Success of (\w+) at ([\d.]+)/255")
_RATE = re.compile(r"([\d.]+)%")
BANDS = (0, 5, 20, 40, 60, 80, 100)
SENSE = (5, 60)


@dataclass(frozen=True)
class Cell:
    """Two rates of one cell, in percent."""

    model: str
    head: str
    attack: str
    eps: float
    direction: str
    plain: float
    sfa: float


def cells_of(summary: dict[str, Any]) -> Iterable[Cell]:
    """Every cell of the run that was attacked with and without SFA."""
    for table in summary["tables"]:
        found = _TITLE.fullmatch(table["title"])
        if found is None:
            continue
        for model, head, direction, plain, sfa, *_ in table["rows"]:
            rates = [_RATE.match(text or "") for text in (plain, sfa)]
            if all(rates):
                one, other = (float(rate.group(1)) for rate in rates if rate is not None)
                yield Cell(model, head, found.group(1), float(found.group(2)), direction, one, other)


def gain(cells: Sequence[Cell]) -> dict[str, Any] | None:
    """Mean rates, gain in percent and points, ceilings, and the share of the gap that SFA closes."""
    if not cells:
        return None
    before = sum(cell.plain for cell in cells) / len(cells)
    after = sum(cell.sfa for cell in cells) / len(cells)
    found: dict[str, Any] = {"cells": len(cells), "plain": before, "sfa": after, "points": after - before}
    found["points_ceiling"] = 100.0 - before
    found["percent"] = 100.0 * (after / before - 1.0) if before else None
    found["percent_ceiling"] = 100.0 * (100.0 / before - 1.0) if before else None
    found["closed"] = 100.0 * (after - before) / (100.0 - before) if before < 100.0 else None
    return found


def with_range(cells: Sequence[Cell]) -> dict[str, Any] | None:
    """The gain of all cells, and the lowest and highest gain of a network in points."""
    whole = gain(cells)
    if whole is None:
        return None
    each = [gain([cell for cell in cells if cell.model == model]) for model in sorted({cell.model for cell in cells})]
    points = [one["points"] for one in each if one is not None]
    return {**whole, "lowest_network": min(points), "highest_network": max(points), "networks": len(points)}


def between(cells: Sequence[Cell], low: float, high: float) -> list[Cell]:
    """Cells whose mean of the two rates lies in a band; its upper end belongs to it where it is 100 or of the sense."""
    closed = high in (100, SENSE[1])
    middle = [(cell, (cell.plain + cell.sfa) / 2) for cell in cells]
    return [cell for cell, rate in middle if low <= rate < high or (closed and rate == high)]


def regimes(summary: dict[str, Any]) -> dict[str, Any]:
    """Everything that the page shows."""
    cells = list(cells_of(summary))
    step = [cell for cell in cells if cell.attack == "fgsm" and cell.eps <= 2 and cell.head != "live"]
    found: dict[str, Any] = {}
    for direction, name in (
        ("attack as bona fide", "attack_as_bona_fide"),
        ("bona fide as attack", "bona_fide_as_attack"),
    ):
        own = [cell for cell in step if cell.direction == direction]
        heads = {head: with_range(between([cell for cell in own if cell.head == head], *SENSE))
                 for head in dict.fromkeys(cell.head for cell in own)}  # fmt: skip
        found[name] = {
            "all": with_range(own),
            "sense_a": with_range(between(own, *SENSE)),
            "chosen_by_plain": with_range([cell for cell in own if SENSE[0] <= cell.plain <= SENSE[1]]),
            "heads": [{"head": head, **one} for head, one in heads.items() if one],
            "bands": [{"low": low, "high": high, **one} for low, high in pairwise(BANDS)
                      if (one := with_range(between(own, low, high)))],
        }  # fmt: skip
    claim = [cell for cell in cells if cell.direction == "pooled" and cell.eps >= 1]
    found["claim"] = with_range(claim)
    several = [cell for cell in cells if cell.attack in ("pgd", "mi_fgsm") and cell.head != "live"
               and cell.direction == "attack as bona fide"]  # fmt: skip
    found["several_steps"] = with_range(between(several, *SENSE))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    result = regimes(json.loads(asked.run.read_text(encoding="utf-8")))
    asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
