"""Read the whole fuzz corpus and write its table: `python tests/fuzz/run.py`, or `--share 0.05` for a part of it."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.campaign import SIZES, counted, findings, numbers, run
from fuzz.case import Outcome

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
        "--out", type=Path, help="folder for reliability_fuzz.json and .md; docs/results for a whole run"
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
    (out / "reliability_fuzz.md").write_text(page(told), encoding="utf-8")


COLUMNS = {
    "inputs": "inputs", "read": "read", "refused": "refused by name", "crashes": "crashes", "dropped": "dropped",
    "unnamed": "refused without name", "wrong": "wrong", "over_20_s": "over 20 s", "over_2_gib": "over 2 GiB",
    "slowest_s": "slowest, s", "largest_mib": "largest, MiB",
}  # fmt: skip


def page(told: dict[str, Any]) -> str:
    """The Markdown page of a run."""
    head = f"| kind | {' | '.join(COLUMNS.values())} |\n|---|{'---:|' * len(COLUMNS)}\n"
    total: dict[str, Any] = {"kind": "all"}
    for name in COLUMNS:
        of_kinds = [row[name] for row in told["kinds"]]
        total[name] = max(of_kinds) if name in ("slowest_s", "largest_mib") else sum(of_kinds)
    kinds = "".join(_line(row["kind"], row) for row in [*told["kinds"], total])
    each = "".join(
        f"\n### {row['kind'].capitalize()}\n\n{head.replace('kind', 'generator', 1)}"
        + "".join(_line(name, inner) for name, inner in row["generators"].items())
        for row in told["kinds"]
    )
    return f"""# Hostile input: the fuzz corpus

`{told["command"]}`, seed {told["seed"]}, took {told["minutes"]} minutes on {told["machine"]}.
The numbers are in [reliability_fuzz.json](reliability_fuzz.json). The generators are in `tests/fuzz`;
every gate of CI reads the first 5 % of the corpus.

Every input is made from the seed and its number, then read by what a person's file meets: the
reader of photos and of depth, the walk of folders, `data check` and the writer of changed photos
for a picture; `data check`, the manifest and its loader, or `evaluate presentation --scores` for a
table; the plan with the check of its cells; cards, recipes, decision rules, services and `report`;
images in array files and weights of model folders; an ONNX file with its probes, one batch and
`facewarden card`; a detector behind HTTP.

- *crash*: any error but one for bad input, an exit code other than 0, 1 and 2, a process that dies
  or does not end, or a MemoryError behind an error for bad input.
- *dropped*: a file, row or sample that is neither read nor named.
- *refused without name*: the error does not say which file or address.
- *wrong*: read though it cannot be right, refused though it is whole, or changed by reading and
  writing.
- Seconds are processor time, of servers time on the clock. Memory is the largest resident memory of
  the process, about 300 MiB of which is Python with torch.

{head}{kinds}
## By generator
{each}"""


def _line(name: str, row: dict[str, Any]) -> str:
    return f"| {name} | {' | '.join(str(row[column]) for column in COLUMNS)} |\n"


if __name__ == "__main__":
    sys.exit(main())
