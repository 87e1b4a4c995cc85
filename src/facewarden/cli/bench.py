"""Run a plan of experiments: methods, protocols and seeds as resumable cells, with a summary of what was found."""

from __future__ import annotations

import sys

from facewarden.verbs.bench import BenchResult, bench


def show(result: BenchResult) -> int:
    """Print the findings and where the summary is; 1 when a cell failed."""
    if result.summary is not None:
        print(result.summary.title + (" (simulated)" if result.summary.simulated else ""))
        for sentence in result.summary.sentences:
            print(f"- {sentence}")
    for failure in result.failed:
        print(f"FAILED {failure.cell.name} ({failure.key}): {failure.message}", file=sys.stderr)
        if failure.detail:
            print(failure.detail, file=sys.stderr)
    print(f"{result.cells - len(result.failed)} of {result.cells} cells done")
    print(f"summary: {result.page}")
    return 1 if result.failed else 0


entry = bench
