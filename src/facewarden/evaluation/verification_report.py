"""Verification results as files: JSON with every number, and a Markdown table for readers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facewarden.core.compute.computing import placement
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json, write_text
from facewarden.core.run import provenance
from facewarden.evaluation.verification import Verification
from facewarden.evaluation.verification_groups import group_lines, group_metrics
from facewarden.metrics.intervals import Interval
from facewarden.reporting.document import Metric

VERSION = 1
"""Of the JSON's layout."""


def verification_metrics(results: Sequence[Verification]) -> tuple[Metric, ...]:
    """The figures as report metrics, grouped by recognizer and dataset."""
    metrics = []
    for result in results:
        group = {"recognizer": result.recognizer, "dataset": result.dataset}
        named = [("eer", result.summary.eer)]
        named += [(f"tar_at_far_{far * 100:g}_percent".replace(".", "_"), tar) for far, tar in result.summary.tar]
        if result.summary.accuracy is not None:
            named.append(("verification_accuracy", result.summary.accuracy))
        metrics += [
            Metric(name, found.value, found.low, found.high, found.n, result.simulated, "%", group, found.method)
            for name, found in named
        ]
        if result.groups is not None:
            metrics += group_metrics(result.groups, group=group, simulated=result.simulated)
    return tuple(metrics)


def write_verification(results: Sequence[Verification], folder: Path, *, command: str) -> tuple[Path, Path]:
    """Write `verification.json` and `verification.md`.

    Args:
        results: of one run of `verify`.
        folder: made when absent.
        command: what to type to get the same files.

    Raises:
        BadInputError: the folder cannot be written.
    """
    paths = folder / "verification.json", folder / "verification.md"
    document = {
        "version": VERSION,
        "command": command,
        "provenance": provenance(placement().resolved()),
        "results": [_plain(result) for result in results],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(paths[0], document)
        write_text(paths[1], _markdown(results, command=command))
    except OSError as error:
        raise BadInputError(f"{folder}: cannot be written: {error}", hint="choose a writable folder: --out") from error
    return paths


def _plain(result: Verification) -> dict[str, Any]:
    """A result as JSON values; a set that says nothing of its people has no groups."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(result)))
    if result.groups is None:
        del values["groups"]
    return values


def _markdown(results: Sequence[Verification], *, command: str) -> str:
    lines = [
        "# Verification: one person or two?",
        "",
        "Cosine similarity of aligned 112x112 crops. In brackets the 95 % interval of a bootstrap over people.",
        "LFW is judged on its official list by the ten-fold rule, the other sets on all of their pairs.",
        "",
        f"    {command}",
        "",
    ]
    for dataset in dict.fromkeys(result.dataset for result in results):
        rows = [result for result in results if result.dataset == dataset]
        lines += [
            f"## {dataset}{' (simulated)' if rows[0].simulated else ''}",
            "",
            *_table(rows),
            "",
            *_counts(rows),
            "",
        ]
        for row in rows:
            if row.groups is not None:
                lines += group_lines(row.recognizer, row.groups, simulated=row.simulated)
    return "\n".join(lines)


def _table(rows: Sequence[Verification]) -> list[str]:
    fars = [far for far, _ in rows[0].summary.tar]
    with_accuracy = rows[0].summary.accuracy is not None
    head = ["recognizer", "EER %", *(f"TAR % at FAR {far * 100:g} %" for far in fars), "EER threshold"]
    head += ["ten-fold accuracy %", "standard error"] if with_accuracy else []
    table = [head, ["---"] * len(head)]
    for row in rows:
        summary = row.summary
        cells = [row.recognizer, _percent(summary.eer), *(_percent(tar) for _, tar in summary.tar)]
        cells.append(f"{summary.eer_threshold:.3f}")
        if summary.accuracy is not None and summary.accuracy_standard_error is not None:
            cells += [_percent(summary.accuracy), f"{100 * summary.accuracy_standard_error:.2f}"]
        table.append(cells)
    return ["| " + " | ".join(cells) + " |" for cells in table]


def _counts(rows: Sequence[Verification]) -> list[str]:
    """One sentence for each different count, since recognizers on one set usually share it."""
    sentences = []
    for row in rows:
        skipped = ", ".join(f"{reason}: {count}" for reason, count in row.left_out.items()) or "nothing"
        sentences.append(
            f"{row.photos} photos of {row.people} people, {row.genuine} genuine and {row.impostor} impostor pairs, "
            f"aligned by {row.aligner}; left out: {skipped}." + "".join(f" {note}." for note in row.notes)
        )
    return list(dict.fromkeys(sentences))


def _percent(found: Interval) -> str:
    return f"{100 * found.value:.2f} ({100 * found.low:.2f} to {100 * found.high:.2f})"
