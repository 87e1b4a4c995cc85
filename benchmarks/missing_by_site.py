"""What it does to each site's AUC when sensors are missing at the test, from the finished cells of a plan:

    python benchmarks/missing_by_site.py docs/results/rivals/cells.json --out docs/results/rivals/missing_by_site.json

The tables of a plan pool the people of a target; sites whose scores lie apart then cost a pooled area something. Here
each site has an area of its own, and counts once. Differences are paired by site, one training (seed 0); intervals
(95 %) are for further sites after these trainings. A mean over few sites can be that of the most changed ones, so
beside it stand the median, the number of sites that rise, the mean without the most changed site, and the means of both
kinds of sites: those that the probe turns around, and the rest. `sources` is the same on the dev people of the sites
that were trained on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plan_cells import plain_cells

from facewarden.core.files import write_json
from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection, selected_scores
from facewarden.metrics.crossed import crossed_mean
from facewarden.metrics.pad import auc

METHODS = ("thumbnail_24", "probe", "vit", "mmdg", "mmda", "ama", "cmfl", "ssan", "iadg", "ssdg", "evidence")
NONE = "none"
CHANCE = 0.5

Areas = NDArray[np.float64]


def areas(cell: dict[str, Any], split: str, missing: str) -> dict[str, float]:
    """Site -> AUC of the tested people, or of the sources' dev people, without some sensors."""
    held = selected_scores(cell, ScoreSelection(missing="" if missing == NONE else missing))
    assert held is not None, f"no scores without {missing}"
    rows = cell["rows"][split]
    scores, label, domain = np.array(held[split]), np.array(rows["label"]), np.array(rows["domain"])
    return {site: float(auc(scores[domain == site], label[domain == site])) for site in sorted(set(domain.tolist()))}


def mean(values: Areas) -> dict[str, float | int]:
    """Mean over sites with its interval for further ones."""
    found = crossed_mean(values[:, None]).interval()
    return {"value": found.value, "low": found.low, "high": found.high, "n": len(values)}


def change(more: Areas) -> dict[str, Any]:
    """Mean of paired differences, and on how many sites it rests."""
    kept = np.delete(more, np.abs(more).argmax())
    return {
        **mean(more), "median": float(np.median(more)), "rises": int((more > 0).sum()),
        "without_most_changed": mean(kept),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--protocols", nargs="+", default=("half1_half2", "half2_half1"))
    parser.add_argument("--floor", default="thumbnail_24", help="a method with which the others are compared")
    parser.add_argument("--turned", default="probe", help="sites are those under an AUC of 50 % by this method")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    cells = plain_cells(json.loads(options.cells.read_text(encoding="utf-8")))
    missings = [NONE, *cells[f"{options.floor} / {options.protocols[0]} / seed 0"]["result"]["missing"]]

    def by_site(method: str, missing: str, split: str = "test") -> dict[str, float]:
        found: dict[str, float] = {}
        for protocol in options.protocols:
            found |= areas(cells[f"{method} / {protocol} / seed 0"]["result"], split, missing)
        return dict(sorted(found.items()))

    def row(method: str, missing: str, split: str = "test") -> Areas:
        return np.array(list(by_site(method, missing, split).values()))

    turned = row(options.turned, NONE) < CHANCE
    first = cells[f"{options.floor} / {options.protocols[0]} / seed 0"]["result"]["rows"]["test"]["domain"]
    half = np.isin(list(by_site(options.floor, NONE)), sorted(set(first)))
    told: dict[str, Any] = {}
    for method in options.methods:
        told[method] = {}
        for missing in missings:
            part = row(method, missing)
            about: dict[str, Any] = {
                "auc": mean(part),
                "more_than_floor": change(part - row(options.floor, missing)),
                "sources": mean(row(method, missing, "dev")),
                "by_site": by_site(method, missing),
            }
            if missing != NONE:
                more = part - row(method, NONE)
                about |= {
                    "more_than_with_all": change(more),
                    "at_turned_sites": change(more[turned]), "at_other_sites": change(more[~turned]),
                    "by_half": {options.protocols[0]: change(more[half]), options.protocols[1]: change(more[~half])},
                }  # fmt: skip
            told[method][missing] = about
            print(f"{method:<14} {missing:<16} {about['auc']['value']:.3f} {about.get('more_than_with_all', '')}")
    sites = {"turned": int(turned.sum()), "other": int((~turned).sum()), "by": options.turned}
    if options.out:
        write_json(options.out, {"simulated": True, "floor": options.floor, "sites": sites, "methods": told})


if __name__ == "__main__":
    main()
