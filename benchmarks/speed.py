"""Everything that the page of speeds shows, measured on this machine: `python benchmarks/speed.py`.

Runs the benchmarks one after the other, which write the JSON files beside the page, and makes the page from them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = {
    "pipeline": ("pipeline_speed.py",),
    "purify": ("purify_speed.py",),
    "pgd": ("pgd_speed.py",),
    "attack_cost": ("attack_cost.py",),
    "cloak": ("cloak_speed.py",),
}
"""Name of the JSON file -> the benchmark that writes it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    options = parser.parse_args()
    for name in options.only:
        started = time.monotonic()
        out = ROOT / "docs" / "results" / "speed" / f"{name}.json"
        subprocess.run([sys.executable, *(str(ROOT / "benchmarks" / word) for word in PARTS[name]), "--out", str(out)],
                       check=True)  # fmt: skip
        print(f"-- {name}: {time.monotonic() - started:.0f} s")
    subprocess.run([sys.executable, str(ROOT / "tests" / "docs_check.py"), "--write"], check=True)


if __name__ == "__main__":
    main()
