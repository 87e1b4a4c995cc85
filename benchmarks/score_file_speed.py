"""Processor time and peak memory of `evaluate scores` on two million rows, beside `evaluate presentation --scores`.

Run: python benchmarks/score_file_speed.py --out docs/results/speed/scores.json

Makes a table of synthetic scores (20,000 subjects, nine species) as CSV and as Parquet, and one of score and label
alone. Each command runs in a process of its own; its processor time and its peak memory count.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from figures_json import write

from facewarden.core.labels import SPECIES


def tables(folder: Path, rows: int) -> None:
    """Write big.parquet, big.csv and two.csv."""
    rng = np.random.default_rng(0)
    label, kind, subject = rng.integers(0, 2, rows), rng.integers(0, 9, rows), rng.integers(0, 20_000, rows)
    score = np.where(label == 1, rng.normal(2, 1, rows), rng.normal(-1.5 + kind * 0.15, 1, rows))
    columns = {"i": np.arange(rows), "score": score, "label": label, "kind": kind, "subject": subject}
    with duckdb.connect() as reader:
        reader.register("made", columns)
        names = ", ".join(f"({index}, '{name}')" for index, name in enumerate(SPECIES[1:]))
        query = (
            "SELECT 'k' || i AS key, score, label, CASE WHEN label = 1 THEN 'bona_fide' ELSE name END AS species, "
            "'s' || subject AS subject, 'site' AS domain, '' AS illumination, false AS simulated, "
            "CASE WHEN subject % 2 = 0 THEN 'dev' ELSE 'test' END AS split "
            f"FROM made JOIN (VALUES {names}) AS v(k, name) ON kind = k ORDER BY i"
        )
        reader.execute(f"COPY ({query}) TO '{folder / 'big.parquet'}' (FORMAT parquet)")
        reader.execute(f"COPY ({query}) TO '{folder / 'big.csv'}' (HEADER)")
        reader.execute(f"COPY (SELECT score, label FROM ({query})) TO '{folder / 'two.csv'}' (HEADER)")


def measured(words: list[str]) -> dict[str, Any]:
    """Seconds of processor time and peak MiB of a command."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    )
    command = [sys.executable, "-c", code, sys.executable, "-m", "facewarden", *words]
    seconds, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return {"seconds": round(float(seconds), 2), "peak_mib": round(float(peak))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="facewarden-") as name:
        folder = Path(name)
        tables(folder, given.rows)
        ways = {}
        for file in ("two.csv", "big.csv", "big.parquet"):
            ways[f"scores, {file}"] = measured(["evaluate", "scores", str(folder / file), "--out", str(folder / "out")])
        for file in ("big.csv", "big.parquet"):
            before = measured(["evaluate", "presentation", "--scores", str(folder / file)])
            now = ways[f"scores, {file}"]
            before["ratio"] = round(before["seconds"] / now["seconds"], 2)
            before["ratio_memory"] = round(before["peak_mib"] / now["peak_mib"], 2)
            ways[f"presentation, {file}"] = before
    for what, found in ways.items():
        print(f"{what:<28} {found}")
    write(given.out, {"rows": given.rows, "ways": ways})


if __name__ == "__main__":
    main()
