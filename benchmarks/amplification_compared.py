"""Does amplification help `puface`? Three trainings a row, compared on the same people.

    facewarden bench amplification --out runs/amplification_run
    python benchmarks/amplification_compared.py docs/results/amplification/summary.json

Reads the misses of every person from the summary and writes compared.json beside it; nothing is measured again. A
difference above zero says that the first row leaves more to the cloak. Its interval is that of two ways that reaches
further: people and trainings both drawn (random effects), or people alone, with room for people not seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.files import write_json
from facewarden.metrics.checked import Floats
from facewarden.metrics.crossed import crossed_mean
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.metrics.paired import paired_bootstrap_difference

USUAL = "k from 0.5 to 2"
ROWS = ("none", USUAL, "k = 1", "k from 1 to 8")
WHOLE = "mean of the recognizers"


def tables(summary: Mapping[str, Any]) -> dict[tuple[str, str, str], Floats]:
    """Cloak, row and recognizer -> (people, trainings) share of probes missed; one training where nothing is trained.

    Args:
        summary: JSON of the plan `amplification`.
    """
    found: dict[tuple[str, str, str], list[tuple[str, list[float]]]] = {}
    for cell in summary["data"]["cells"]:
        row, _, seed = cell["purifier"].partition(", seed ")
        found.setdefault((cell["cloak"], row, cell["recognizer"]), []).append((seed, cell["hidden"]))
    held = {key: np.array([hidden for _, hidden in sorted(each)]).T for key, each in found.items()}
    for cloak, row in dict.fromkeys((cloak, row) for cloak, row, _ in held):
        each = [table for (a, b, _), table in held.items() if (a, b) == (cloak, row)]
        held[cloak, row, WHOLE] = np.mean(each, axis=0)
    return held


def difference(first: Floats, second: Floats) -> Interval:
    """Mean of `first - second`, both (people, trainings), the same trainings by seed."""
    crossed = crossed_mean(first - second).interval()
    people = paired_bootstrap_difference(
        first.mean(axis=1), second.mean(axis=1), subjects=np.arange(len(first)), seed=0
    )
    low, high = min(crossed.low, people.low), max(crossed.high, people.high)
    return Interval(crossed.value, max(-1.0, low), min(1.0, high), n=first.size, method="people and trainings")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("summary", type=Path)
    path = parser.parse_args().summary
    held = tables(json.loads(path.read_text(encoding="utf-8")))
    rates, rows = [], []
    for (cloak, row, recognizer), table in held.items():
        name = {"cloak": cloak, "row": row, "recognizer": recognizer, "trainings": table.shape[1]}
        over = mean_by_subject(table.mean(axis=1), np.arange(len(table)), seed=0)
        rates.append({**name, "protection": over.as_json(), "by_training": table.mean(axis=0).tolist()})
        if row in ROWS[2:]:
            apart = difference(table, held[cloak, USUAL, recognizer])
            rows.append({**name, "second": USUAL, "difference": apart.as_json()})
            print(f"{cloak:10} {row:14} {recognizer:24} {apart.value:+.3f} ({apart.low:+.3f} to {apart.high:+.3f})")
    write_json(path.parent / "compared.json", {"rates": rates, "differences": rows})


if __name__ == "__main__":
    main()
