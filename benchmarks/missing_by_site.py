"""What it does to each site's AUC when sensors are missing at the test, from the finished cells of a plan:

    python benchmarks/missing_by_site.py docs/results/rivals/cells.json --out docs/results/rivals/missing_by_site.json

The tables of a plan pool the people of a target; sites whose scores lie apart then cost a pooled area something. Here
each tested site has an area of its own, and counts once. Differences are paired by site, one training (seed 0);
intervals (95 %, Student) are for further sites after these trainings.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from plan_cells import plain_cells
from scipy.stats import t

from facewarden.core.files import write_json
from facewarden.metrics.pad import auc

NONE = "none"


def areas(cell: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Missing sensors, site and AUC of everything that a cell scored."""
    rows = cell["rows"]["test"]
    label, domain = np.array(rows["label"]), np.array(rows["domain"])
    (last,) = cell["scores"].values()
    for missing, scores in {NONE: last["test"], **cell["missing"]}.items():
        for site in sorted(set(domain.tolist())):
            here = domain == site
            if len(set(label[here].tolist())) > 1:
                yield missing, site, float(auc(np.array(scores)[here], label[here]))


def interval(values: np.ndarray) -> dict[str, float | int]:
    """Mean over sites with its interval."""
    reach = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    mean = float(values.mean())
    return {"value": mean, "low": mean - reach, "high": mean + reach, "n": len(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--methods", nargs="+", default=("thumbnail_24", "probe", "vit", "mmdg", "evidence"))
    parser.add_argument("--protocols", nargs="+", default=("half1_half2", "half2_half1"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    cells = plain_cells(json.loads(options.cells.read_text(encoding="utf-8")))
    for method in options.methods:
        for protocol in options.protocols:
            cell = cells[f"{method} / {protocol} / seed 0"]["result"]
            for missing, site, area in areas(cell):
                found[method][missing][site] = area
    told: dict[str, Any] = {}
    for method, by_missing in found.items():
        sites = sorted(by_missing[NONE])
        whole = np.array([by_missing[NONE][site] for site in sites])
        told[method] = {NONE: {"auc": interval(whole)}}
        for missing, by_site in by_missing.items():
            if missing != NONE:
                part = np.array([by_site[site] for site in sites])
                told[method][missing] = {"auc": interval(part), "more_than_with_all": interval(part - whole)}
        for missing, row in told[method].items():
            print(method, missing, {name: f"{one['value']:+.3f} ({one['low']:.3f} to {one['high']:.3f})"
                                    for name, one in row.items()})  # fmt: skip
    if options.out:
        write_json(options.out, {"simulated": True, "methods": told})


if __name__ == "__main__":
    main()
