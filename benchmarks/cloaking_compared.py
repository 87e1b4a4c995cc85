"""Ablations of `puface` against each other on the same people: `python benchmarks/cloaking_compared.py`.

Reads the misses of every attacker in docs/results/cloaking and cloaking_more and writes the paired differences to
docs/results/cloaking_compared.json; nothing is measured again. A difference above zero says that the first purifier
leaves more to the cloak.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.metrics.paired import paired_bootstrap_difference

FILES = ("cloaking", "cloaking_more")
CLOAKS = ("LowKey 8 on F+D", "Fawkes high on F+D")
RECOGNIZERS = ("mobilefacenet_512", "dlib_resnet34", "mobilefacenet_128")
TEN_EPOCHS = "puface after ten epochs"
ABLATIONS = (
    "puface not amplified", "puface amplified far", "puface with the wrong sign", "puface with image loss alone",
    "puface without natural pairs", "puface on few pairs", "puface small", "puface RED-Net-30",
    "puface with feature loss",
)  # fmt: skip


def cells_of(folder: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Cells of 1-NN on raw probes by cloak, purifier and recognizer, of all 40 people."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for name in FILES:
        told = json.loads((folder / name / "summary.json").read_text(encoding="utf-8"))
        for cell in told["data"]["cells"]:
            if (cell["tracker"], cell["probes"], cell["attackers"]) == ("nearest", "raw", 40):
                found.setdefault((cell["cloak"], cell["purifier"], cell["recognizer"]), cell)
    return found


def compared(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Difference of two cells on the same people, with its interval over them."""
    each = first["protection"]["n"] // first["attackers"]
    ours, theirs = (np.repeat(cell["hidden"], each) for cell in (first, second))
    people = np.repeat(np.arange(first["attackers"]), each)
    found = paired_bootstrap_difference(ours, theirs, subjects=people, seed=0)
    return {
        "cloak": first["cloak"], "recognizer": first["recognizer"], "first": first["purifier"],
        "second": second["purifier"], "people": first["attackers"],
        "value": found.value, "low": found.low, "high": found.high,
    }  # fmt: skip


def main() -> None:
    """Compare every ablation with the network of ten epochs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    folder = parser.parse_args().results
    cells = cells_of(folder)
    rows = [
        compared(cells[cloak, name, recognizer], cells[cloak, TEN_EPOCHS, recognizer])
        for cloak in CLOAKS
        for name in ABLATIONS
        for recognizer in RECOGNIZERS
    ]
    (folder / "cloaking_compared.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print("{cloak:20} {recognizer:18} {first:30} {value:+.3f} ({low:+.3f} to {high:+.3f})".format_map(row))


if __name__ == "__main__":
    main()
