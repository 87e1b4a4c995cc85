"""Everything that the page of speeds shows, measured on this machine: `python benchmarks/speed.py`.

Runs the benchmarks one after the other, which write the JSON files beside the page, and makes the page from them. With
--small each takes a tenth of the time, for a machine that others use: fewer photos, images and rounds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = {
    "start": ("score_start.py", ("--rounds", "5")),
    "pipeline": ("pipeline_speed.py", ("--photos", "6", "--rounds", "1", "--tiny", "500", "3000")),
    "purify": ("purify_speed.py", ("--rounds", "2")),
    "pgd": ("pgd_speed.py", ("--images", "6", "--rounds", "1")),
    "attack_cost": ("attack_cost.py", ("--images", "4", "--rounds", "2")),
    "cloak": ("cloak_speed.py", ("--faces", "2")),
}
"""Name of the JSON file -> the benchmark that writes it, and its options with --small."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--small", action="store_true", help="a look, for a machine that is busy")
    options = parser.parse_args()
    for name in options.only:
        started = time.monotonic()
        out = ROOT / "docs" / "results" / "speed" / f"{name}.json"
        script, small = PARTS[name]
        words = [str(ROOT / "benchmarks" / script), *(small if options.small else ()), "--out", str(out)]
        subprocess.run([sys.executable, *words], check=True)
        print(f"-- {name}: {time.monotonic() - started:.0f} s")
    subprocess.run([sys.executable, str(ROOT / "tests" / "docs_check.py"), "--write"], check=True)


if __name__ == "__main__":
    main()
