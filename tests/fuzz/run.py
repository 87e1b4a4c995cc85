"""Read the whole fuzz corpus and write its numbers: `python tests/fuzz/run.py`, or `--share 0.05` for a part of it."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.campaign import SIZES, counted, findings, numbers, run
from fuzz.case import Outcome
from page_figures import rewritten

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def main() -> int:
    """Read the inputs; 1 when something was not as it must be."""
    about = argparse.ArgumentParser(description=__doc__)
    about.add_argument("--share", type=float, default=1.0, help="of the corpus, its first inputs of every kind")
    about.add_argument("--seed", type=int, default=0)
    about.add_argument("--kind", choices=list(SIZES), help="only this one")
    about.add_argument("--number", type=int, nargs="+", help="only these inputs of --kind")
    about.add_argument("--keep", type=Path, help="folder that the inputs are copied to")
    about.add_argument(
        "--out",
        type=Path,
        help="folder for reliability_fuzz.json, and of the page made from it; docs/results for a whole run",
    )
    asked = about.parse_args()
    chosen = [(kind, number) for kind, number in numbers(asked.share) if asked.kind in (None, kind)]
    if asked.number:
        chosen = [(asked.kind, number) for number in asked.number]
    started, outcomes = time.monotonic(), []
    for one in run(chosen, seed=asked.seed, keep=asked.keep):
        outcomes.append(one)
        for text in findings([one]):
            print(text, flush=True)
        if asked.number:
            print(one, flush=True)
    minutes = (time.monotonic() - started) / 60
    found = findings(outcomes)
    counts = dict(Counter(one.result for one in outcomes))
    print(f"{len(outcomes)} inputs, {counts}, {len(found)} findings, {minutes:.1f} minutes", flush=True)
    whole = asked.share == 1.0 and asked.kind is None
    if asked.out or whole:
        _write(asked.out or RESULTS, outcomes, found, seed=asked.seed, share=asked.share, minutes=minutes)
    return 1 if found else 0


def _write(out: Path, outcomes: list[Outcome], found: list[str], *, seed: int, share: float, minutes: float) -> None:
    command = "make fuzz" if share == 1.0 else f"python tests/fuzz/run.py --share {share:g} --seed {seed}"
    told = {
        "command": command,
        "seed": seed,
        "share": share,
        "minutes": round(minutes, 1),
        "machine": f"one core, {platform.machine()} {platform.system()}, Python {platform.python_version()}",
        "kinds": counted(outcomes),
        "findings": [text[:400] for text in found],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "reliability_fuzz.json").write_text(json.dumps(told, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    page = out / "reliability_fuzz.md"
    if page.is_file():
        page.write_text(rewritten(page, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
