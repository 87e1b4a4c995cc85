"""What it does to each site's AUC when sensors are missing at the test, from the finished cells of a plan:

    python benchmarks/missing_by_site.py docs/results/rivals/cells.json --out docs/results/rivals/missing_by_site.json

The tables of a plan pool the people of a target; sites whose scores lie apart then cost a pooled area something. Here
each site has an area of its own, and counts once. Differences are paired by site, one training (seed 0); intervals
(95 %, Student) are for further sites after these trainings. A mean over few sites can be that of the most changed ones:
so the median, the number of sites that rise, and both kinds of sites (those that the probe turns around, and the rest)
stand beside it. `sources` is the same on the dev people of the sites that were trained on.
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


def areas(cell: dict[str, Any], split: str) -> Iterator[tuple[str, str, float]]:
    """Missing sensors, site and AUC of everything that a cell scored of the tested or of the sources' dev people."""
    rows = cell["rows"][split]
    label, domain = np.array(rows["label"]), np.array(rows["domain"])
    (last,) = cell["scores"].values()
    for missing, scores in {NONE: last[split], **cell["missing" if split == "test" else "missing_dev"]}.items():
        for site in sorted(set(domain.tolist())):
            here = domain == site
            if len(set(label[here].tolist())) > 1:
                yield missing, site, float(auc(np.array(scores)[here], label[here]))


def interval(values: np.ndarray) -> dict[str, float | int]:
    """Mean over sites with its interval."""
    reach = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    mean = float(values.mean())
    return {"value": mean, "low": mean - reach, "high": mean + reach, "n": len(values)}


def change(part: np.ndarray, whole: np.ndarray) -> dict[str, Any]:
    """Paired difference of two rows of sites, and on how many it rests."""
    more = part - whole
    return {**interval(more), "median": float(np.median(more)), "rises": int((more > 0).sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--methods", nargs="+", default=("thumbnail_24", "probe", "vit", "mmdg", "evidence"))
    parser.add_argument("--protocols", nargs="+", default=("half1_half2", "half2_half1"))
    parser.add_argument("--floor", default="thumbnail_24", help="a method with which the others are compared")
    parser.add_argument("--turned", default="probe", help="sites are those under an AUC of 50 % by this method")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    half: dict[str, str] = {}
    cells = plain_cells(json.loads(options.cells.read_text(encoding="utf-8")))
    for method in options.methods:
        for protocol in options.protocols:
            cell = cells[f"{method} / {protocol} / seed 0"]["result"]
            for split in ("test", "dev"):
                for missing, site, area in areas(cell, split):
                    found[method, split, missing][site] = area
                    if split == "test":
                        half[site] = protocol
    sites = sorted(half)
    missings = [key[2] for key in found if key[:2] == (options.methods[0], "test")]

    def row(method: str, missing: str, split: str = "test") -> np.ndarray:
        return np.array([found[method, split, missing][site] for site in sorted(found[method, split, missing])])

    turned = row(options.turned, NONE) < 0.5
    told: dict[str, Any] = {}
    for method in options.methods:
        whole = row(method, NONE)
        told[method] = {}
        for missing in missings:
            part = row(method, missing)
            about: dict[str, Any] = {
                "auc": interval(part),
                "more_than_floor": change(part, row(options.floor, missing)),
                "sources": interval(row(method, missing, "dev")),
                "by_site": dict(zip(sites, part.tolist(), strict=True)),
            }
            if missing != NONE:
                about["more_than_with_all"] = change(part, whole)
                about["at_turned_sites"] = change(part[turned], whole[turned])
                about["at_other_sites"] = change(part[~turned], whole[~turned])
                about["by_half"] = {
                    name: change(part[here], whole[here])
                    for name in options.protocols
                    if (here := np.array([half[site] == name for site in sites])).any()
                }
            told[method][missing] = about
            print(f"{method:<14} {missing:<16} {about['auc']['value']:.3f} {about.get('more_than_with_all', '')}")
    told_sites = {"turned": int(turned.sum()), "other": int((~turned).sum()), "by": options.turned}
    if options.out:
        write_json(options.out, {"simulated": True, "floor": options.floor, "sites": told_sites, "methods": told})


if __name__ == "__main__":
    main()
