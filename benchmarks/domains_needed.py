"""How many domains would show a difference between two methods, from the figures that a plan has written.

Run with `python benchmarks/domains_needed.py docs/results/mmdg/summary.json --methods mmdg vit`. The paired difference
of the two methods is taken on every domain and averaged over the seeds; its standard deviation over the domains says
how many domains a two-sided t test needs. People alone cannot mend it: each domain is one draw of sensors, light and
instruments. A standard deviation of few domains is itself rough, so its 95 % interval (chi-squared, as for normal
differences) is shown with the number of domains at both of its ends.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.stats import chi2

from facewarden.core.errors import BadInputError
from facewarden.metrics.crossed import crossed_mean, domains_needed


def paired(summary: Path, *, methods: tuple[str, str], measure: str, part: str | None) -> tuple[list[str], np.ndarray]:
    """The domains, and (domains, seeds) first minus second, in points."""
    first, second = methods
    parts = [
        one
        for one in json.loads(summary.read_text(encoding="utf-8"))["data"]["parts"]
        if part == one["title"] or (part is None and set(methods) <= {row["method"] for row in one["figures"]})
    ]
    found = {
        (row["method"], row["protocol"], row["seed"]): 100 * row[measure]
        for row in (parts[0]["figures"] if parts else ())
        if row["rule"] == "last_epoch"
    }
    both = sorted((p, s) for m, p, s in found if m == first and (second, p, s) in found)
    domains, seeds = sorted({p for p, _ in both}), sorted({s for _, s in both})
    if len(domains) < 2 or len(both) != len(domains) * len(seeds):
        raise BadInputError(
            f"{summary}: {first} and {second} have {len(both)} figures in common, not one for each domain and seed",
            hint="--methods of one part of the plan, --part its title",
        )
    table = [[found[first, p, s] - found[second, p, s] for s in seeds] for p in domains]
    return domains, np.array(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("summary", type=Path, help="summary.json of `facewarden bench`")
    parser.add_argument("--methods", nargs=2, required=True, metavar=("FIRST", "SECOND"))
    parser.add_argument("--measure", default="hter", help="hter, auc, hter_at_target_eer, ...")
    parser.add_argument("--part", help="title of a part; the first with both methods without")
    parser.add_argument("--difference", type=float, default=2.0, help="points that should be seen")
    parser.add_argument("--power", type=float, default=0.8)
    parser.add_argument("--out", type=Path, help="JSON")
    asked = parser.parse_args()
    domains, table = paired(asked.summary, methods=tuple(asked.methods), measure=asked.measure, part=asked.part)
    found = crossed_mean(table)
    interval = found.interval()
    spread = float(np.std(table.mean(axis=1), ddof=1))
    freedom = len(domains) - 1
    low, high = (spread * float(np.sqrt(freedom / chi2.ppf(tail, freedom))) for tail in (0.975, 0.025))
    needed = {
        f"{points:g}": [domains_needed(one, difference=points, power=asked.power) for one in (spread, low, high)]
        for points in sorted({2.0, 5.0, asked.difference})
    }
    result = {
        "methods": asked.methods, "measure": asked.measure, "domains": domains, "seeds": table.shape[1],
        "difference_points": table.tolist(), "mean": found.value, "low": interval.low, "high": interval.high,
        "spread_over_domains": [spread, low, high], "between_seeds": found.between_seeds, "rest": found.rest,
        "power": asked.power,
        "domains_needed": needed,
    }  # fmt: skip
    print(
        f"{asked.methods[0]} - {asked.methods[1]}, {asked.measure}: {found.value:.1f} points "
        f"({interval.low:.1f} to {interval.high:.1f}) over {len(domains)} domains x {table.shape[1]} seeds; "
        f"spread over domains {spread:.1f} ({low:.1f} to {high:.1f})"
    )
    for points, count in needed.items():
        print(f"  {points} points at {asked.power:.0%} power: {count[0]} domains ({count[1]} to {count[2]})")
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
