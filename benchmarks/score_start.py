"""What it takes to score one photo, from the start of Python to the verdict, beside the import of torch alone.

Run: python benchmarks/score_start.py --out docs/results/speed/start.json

Both are processes of their own and take turns; the processor time of a process counts, so that other work on the
machine counts less. The photo is drawn (simulated), the detector is `fr_liveness`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from figures_json import write
from pipeline_speed import draw_photos


def processor_seconds(words: list[str]) -> float:
    """User and system time of one Python process."""
    before = os.times()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def described(seconds: list[float]) -> dict[str, Any]:
    """The smallest, the middle and the largest of them, and how many there are."""
    found = {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}
    return {**{name: round(value, 3) for name, value in found.items()}, "n": len(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        draw_photos(Path(name) / "photos", count=1)
        photo = str(next((Path(name) / "photos").iterdir()))
        sides = {"torch": ["-c", "import torch"],
                 "score": ["-m", "facewarden", "score", photo, "--detector", "fr_liveness"]}  # fmt: skip
        for words in sides.values():  # files are in memory from here on
            processor_seconds(words)
        rounds = [{side: processor_seconds(words) for side, words in sides.items()} for _ in range(options.rounds)]
    figures: dict[str, Any] = {side: described([one[side] for one in rounds]) for side in sides}
    figures["ratio"] = described([one["score"] / one["torch"] for one in rounds])
    for side, found in figures.items():
        print(side, found)
    write(options.out, figures)


if __name__ == "__main__":
    main()
