"""Everything that the page of the service shows, measured on this machine: `python benchmarks/service.py`.

Runs both benchmarks of the service one after the other, which write the JSON files beside the page, and makes the page
from them. It takes about an hour and a quarter, with the mix of an hour, which leaves the machine free. With --small it
takes minutes, for a look: the files then go to `runs/service_small`, and the page stays as it is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "results" / "service"
LOOK = ROOT / "runs" / "service_small"
SMALL = {
    "load": ("--seconds", "20", "--rounds", "20", "--hostile", "23", "--examples", "2"),
    "audit": ("--subjects", "44", "--attacked", "2"),
}
"""Name of the JSON file, and of the benchmark after `service_` -> its options with --small."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3600.0, help="of the mixed load")
    parser.add_argument("--small", action="store_true", help="a look")
    parser.add_argument("--out", type=Path, help="folder of the JSON files")
    options = parser.parse_args()
    out: Path = (options.out or (LOOK if options.small else OUT)).resolve()
    published = out == OUT
    if published and options.small:
        parser.error("--small is a look: it does not write beside the page")
    out.mkdir(parents=True, exist_ok=True)
    for name, small in SMALL.items():
        whole = ("--rate", "2", "--seconds", str(options.seconds)) if name == "load" else ()
        script = ROOT / "benchmarks" / f"service_{name}.py"
        words = [*(small if options.small else whole), "--out", str(out / f"{name}.json")]
        subprocess.run([sys.executable, str(script), *words], check=True)
    if published:
        subprocess.run([sys.executable, str(ROOT / "tests" / "docs_check.py"), "--write"], check=True)


if __name__ == "__main__":
    main()
