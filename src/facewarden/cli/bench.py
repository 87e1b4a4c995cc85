"""Run a plan of experiments: methods, protocols and seeds as resumable cells, with a summary of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from facewarden.cli.parts.checks import check_device, check_plan, check_shard
from facewarden.cli.parts.kinds import Device, Folder, Precision, Share
from facewarden.cli.parts.outcome import Outcome

if TYPE_CHECKING:
    from facewarden.verbs.bench import BenchResult


def bench(
    plan: Annotated[str, "PLAN"],
    /,
    *,
    out: Folder | None = None,
    resume: bool = False,
    workers: int = 1,
    dry_run: bool = False,
    shard: Share | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
) -> Outcome:
    """Run the cells of a plan and write their summary; exit code 1 when a cell failed.

    Cells that are done are not run again; they are known by their settings, so a plan may grow between two runs.

    Args:
        plan: name of a plan of the package (facewarden list plans), or the path of a YAML file.
        out: folder to write; runs/NAME when left out.
        resume: continue in a folder that holds a run; the numbers are those of an unbroken run.
        workers: processes; each has a GPU of its own where there are several, and one thread on the CPU.
        dry_run: run nothing: print how many cells there are and, where the kind can tell, hours on this device, disk.
        shard: I/N, such as 1/8: only this share of the cells; cells that need each other stay together; left out, all.
            facewarden merge joins the shares.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the plan and each model's settings say, float32 for most.
    """
    check_plan(plan)
    check_device(device)
    check_shard(shard)
    from facewarden.verbs.bench import bench as run

    result = run(
        plan, out=out, resume=resume, workers=workers, dry_run=dry_run, shard=shard, device=device, precision=precision
    )
    if dry_run:
        told = result.estimate
        return Outcome(result, list(told.sentences()) if told else [f"{result.cells} cells; hours are not estimated"])
    return outcome_of(result)


def outcome_of(result: BenchResult) -> Outcome:
    """What is printed of cells that ran, and the exit code."""
    lines = []
    if result.summary is not None:
        lines.append(result.summary.title + (" (simulated)" if result.summary.simulated else ""))
        lines += [f"- {sentence}" for sentence in result.summary.sentences]
    problems = []
    for failure in result.failed:
        message, arrow, hint = failure.message.rpartition("\n  -> ")
        problems.append(f"FAILED {failure.cell.name} ({failure.key}): {message or hint}")
        problems += [f"  -> {hint}"] if arrow else []
        problems += failure.detail.splitlines()
    lines += [f"{result.cells - len(result.failed)} of {result.cells} cells done", f"summary: {result.page}"]
    return Outcome(result, lines, 1 if result.failed else 0, problems)


entry = bench
