"""Summary of the cells of a plan that are done, while others are not: python benchmarks/plan_so_far.py PLAN RUN OUT

PLAN and RUN are those of `facewarden bench PLAN --out RUN`; it may be running. OUT receives what that command writes at
its end, with every cell that is not done named as missing, and `cells.json`, with which `plan_cells.py` puts the
finished cells into a run on another machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from plan_cells import write_packed

from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.run import DONE
from facewarden.experiments.engine.executor import CellOutcomes, Failure, cell_keys
from facewarden.experiments.engine.kind import CELLS, CellResult
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.verbs.bench import checked_cells, kind_of, summarize


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan")
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    read = read_plan(options.plan)
    kind = kind_of(read)
    cells = checked_cells(read, kind=kind, root=options.run)
    keys = cell_keys(cells, read.kind, code=kind.code)
    done, waiting = [], []
    for cell in cells:
        marker = options.run / CELLS / keys[cell.name] / DONE
        if marker.is_file():
            done.append(CellResult(cell, read_json_bounded(marker, limit="report_bytes")["result"]))
        else:
            waiting.append(Failure(cell, keys[cell.name], "not run yet"))
    options.out.mkdir(parents=True, exist_ok=True)
    outcome = CellOutcomes(tuple(done), tuple(waiting))
    summarize(read, kind, outcome, out=options.out, command=f"facewarden bench {options.plan}", cells=len(cells))
    write_packed(options.run, options.out / "cells.json")
    print(f"{len(done)} of {len(cells)} cells are done")


if __name__ == "__main__":
    main()
