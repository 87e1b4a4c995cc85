"""Summary of the cells of a plan that are done, while others are not: python benchmarks/plan_so_far.py PLAN RUN OUT

With `--seeds 0` every part has these seeds alone: tables that need all seeds of a part are there from the first one on.

PLAN and RUN are those of `facewarden bench PLAN --out RUN`; it may be running. OUT receives what that command writes at
its end, whose first sentence says how many cells of which method are not done, and `cells.json`, with which
`plan_cells.py` puts the finished cells into a run on another machine.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from plan_cells import write_packed

from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.run import DONE
from facewarden.experiments.engine.executor import cell_keys
from facewarden.experiments.engine.kind import CELLS, CellResult
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.experiments.engine.summary import write_summary
from facewarden.verbs.bench import checked_cells, kind_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan")
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", help="of every part; by default those of the plan")
    options = parser.parse_args()
    read = read_plan(options.plan)
    kind = kind_of(read)
    if options.seeds:
        parts = [{**part, "seeds": options.seeds} for part in read.settings["parts"]]
        read = replace(read, settings={**read.settings, "seeds": options.seeds, "parts": parts})
    cells = checked_cells(read, kind=kind, root=options.run)
    keys = cell_keys(cells, read.kind, code=kind.code)
    done: list[CellResult] = []
    waiting: Counter[str] = Counter()
    for cell in cells:
        marker = options.run / CELLS / keys[cell.name] / DONE
        if marker.is_file():
            done.append(CellResult(cell, read_json_bounded(marker, limit="report_bytes")["result"]))
        else:
            waiting[cell.name.partition(" / ")[0]] += 1
    if not done:
        sys.exit(f"{options.run}: no cell of {options.plan} is done")
    options.out.mkdir(parents=True, exist_ok=True)
    summary = kind.summarize(read.settings, done)
    if waiting:
        missing = ", ".join(f"{name} ({count})" for name, count in waiting.items())
        said = f"Not complete: {len(done)} of {len(cells)} cells are done. Missing, by method: {missing}."
        summary = replace(summary, sentences=(said, *summary.sentences))
    command, settings = f"facewarden bench {options.plan}", {"kind": read.kind, **read.settings}
    if waiting or options.seeds:
        seeds = f" --seeds {' '.join(map(str, options.seeds))}" if options.seeds else ""
        command = f"python benchmarks/plan_so_far.py {options.plan} RUN OUT{seeds}"
    write_summary(summary, options.out, command=command, settings=settings)
    write_packed(options.run, options.out / "cells.json")
    print(f"{len(done)} of {len(cells)} cells are done")


if __name__ == "__main__":
    main()
