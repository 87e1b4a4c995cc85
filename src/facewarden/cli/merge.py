"""Join the shards of a verb into the result of one call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.outcome import Outcome


def merge(
    shards: Annotated[tuple[Path, ...], "SHARDS"],
    /,
    *,
    out: Annotated[Path, "PATH"],
    allow_mixed_precision: bool = False,
) -> Outcome:
    """Join the shards of a verb into what one call without --shard writes; the shards stay as they are.

    The shards must be all there, with no item in two of them, and of the same version, settings, models and inputs. On
    one disk files are linked, not copied.

    Args:
        shards: folders or tables that calls with --shard wrote; several shards may lie in one folder.
        out: an empty folder, or a table for the scores of facewarden score.
        allow_mixed_precision: accept shards that were computed in different precisions.
    """
    for shard in shards:
        check_path(shard)
    from facewarden.reporting.format import group_text, label, measured
    from facewarden.verbs.scaling.merge import merge as run

    result = run(shards, out=out, allow_mixed_precision=allow_mixed_precision)
    lines = [f"merged {result.shards} shards of {result.verb} with {result.items} items"]
    lines += [f"skipped {count}: {reason}" for reason, count in result.skipped.items()]
    for metric in result.metrics:
        where = group_text(metric.group)
        mark = "  simulated" if metric.simulated else ""
        lines.append(f"{label(metric.name) + (f' ({where})' if where else ''):<56} {measured(metric)}{mark}")
    return Outcome(result, [*lines, f"result: {result.file}"])


entry = merge
