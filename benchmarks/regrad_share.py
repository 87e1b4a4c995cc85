"""How much ReGrad has to work on: `python benchmarks/regrad_share.py runs/mmdg_simulated`, after that plan has run.

Means over all epochs and runs of a method on domains left out, from the training logs of a plan's cells: the share of a
sensor's gradient that is the prototypes', what ReGrad leaves of it, how often it conflicts with another sensor's, and
how often the sensor is the fastest.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import mean

from facewarden.core.labels import MODALITIES

PROTOCOLS = ("bcd_a", "acd_b", "abd_c", "abc_d")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--methods", nargs="+", default=["mmdg", "regrad_1", "regrad_wide"])
    options = parser.parse_args()
    names = json.loads((options.run / "plan.json").read_text(encoding="utf-8"))["cells"]
    epochs: dict[str, list[dict[str, float]]] = defaultdict(list)
    for cell, about in names.items():
        method, protocol, _ = about["name"].split(" / ")
        log = options.run / "cells" / cell / "training.jsonl"
        if method in options.methods and protocol in PROTOCOLS:
            epochs[method] += [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    print("method, sensor: share of the prototypes, left of it, conflicts, fastest")
    for method in options.methods:
        for sensor in MODALITIES:
            means = (
                mean(at[f"prototype_gradient/{sensor}"] / at[f"gradient/{sensor}"] for at in epochs[method]),
                mean(at[f"rebalanced_gradient/{sensor}"] / at[f"prototype_gradient/{sensor}"] for at in epochs[method]),
                mean(at[f"conflict/{sensor}"] for at in epochs[method]),
                mean(at[f"fastest/{sensor}"] for at in epochs[method]),
            )
            print(f"{method:12} {sensor:9}" + "".join(f"{value:8.1%}" for value in means) + f"  {len(epochs[method])}")


if __name__ == "__main__":
    main()
