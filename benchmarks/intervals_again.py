"""Intervals of stored results by the method in use: `python benchmarks/intervals_again.py [--results docs/results]`.

Results that were computed by an earlier version hold what the bounds need: the misses of every attacker (plans of
cloaking), counts of one row a person (whole photos), or the percentiles of a bootstrap with the rows and people behind
it (verification, cloak detector), which are only widened. Nothing is measured again, and no figure changes but its
bounds; run twice, nothing moves. It prints how many intervals moved, and by how much. Summaries that hold printed
rates alone are marked by a sentence.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.files import write_json, write_text
from facewarden.core.settings.old_keys import with_keys_of_today
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.measure import CloakingResult
from facewarden.experiments.cloaking.population import load_crowd
from facewarden.experiments.cloaking.settings import plan_of
from facewarden.experiments.engine.kind import CellResult, PlanCell, Summary
from facewarden.experiments.engine.summary import write_summary
from facewarden.experiments.plans.cloaking import Cloaking
from facewarden.metrics.intervals import Interval, count_interval, percentile_interval, wilson
from facewarden.reporting.document import Table

PLANS = ("cloaking", "cloaking_more", "cloaking_main", "cloaking_orl", "cloaking_scrapshots", "cloaking_london")
DETECTORS = ("cloak_detector/cloak_detector", "cloak_detector_unseen/cloak_detector")
NOT_STORED = (
    "Intervals of the accuracy on everybody else, here and in the JSON, are of version 0.1 (bootstrap by subject): "
    "the hits of every person were not stored. All others are of the method in use, from the stored misses."
)
PRINTED = (
    "adversarial_training",
    "fine_grained",
    "fine_grained_heads",
    "fine_grained_real",
    "fine_grained_shipped",
    "mmdg",
)
MARK = (
    "All intervals here are of version 0.1 (bootstrap by subject, Wilson at 0 and 1), too narrow at low rates: the "
    "outcomes of single captures were not stored, and the experiment was not run again."
)
PSNR = "PSNR dB, mean over crops"
GENUINE = {"orl": (40, 1800), "scrapshots": (30, 449), "london": (102, 102)}
"""People and their genuine pairs in the costs of a plan, by set; of LFW those with ten photos."""
GENUINE_LFW = (118, 5310)
LFW_PEOPLE = 1477
"""People with a genuine pair in the official list of LFW."""

Bounds = tuple[float, float]


class Moves:
    """How far bounds moved, by file."""

    def __init__(self) -> None:
        self.by_file: dict[str, list[float]] = {}

    def add(self, file: str, old: Bounds, new: Bounds) -> None:
        """Note the old and the new bounds of an interval."""
        self.by_file.setdefault(file, []).append(max(abs(a - b) for a, b in zip(old, new, strict=True)))

    def lines(self) -> list[str]:
        """One line for every file."""
        return [
            f"{file}: {sum(one > 1e-9 for one in moved)} of {len(moved)} intervals moved, by {100 * max(moved):.1f} "
            f"points at most, {100 * float(np.median(moved)):.1f} at the median"
            for file, moved in self.by_file.items()
        ]


def widened(value: float, low: float, high: float, *, n: int, people: int) -> Interval:
    """Percentiles of a stored bootstrap, never narrower than people not seen allow.

    Where all resamples were equal, version 0.1 took Wilson's bounds over people instead; those do not count.
    """
    ends = wilson(value * people, people)
    equal = abs(low - ends.low) < 1e-9 and abs(high - ends.high) < 1e-9
    resamples = np.array([value]) if equal else np.repeat([low, high], 1000)
    return percentile_interval(value, resamples, n=n, subjects=people)


def verification(file: Path, moves: Moves) -> None:
    """Widen the intervals of `facewarden evaluate verification`."""
    told = _read(file)
    for result in told["results"]:
        people = result["people"] if result["dataset"] != "lfw" else LFW_PEOPLE
        summary = result["summary"]
        for one in [summary["eer"], *(rate for _, rate in summary["tar"]), summary["accuracy"]]:
            if one is not None:
                new = widened(one["value"], one["low"], one["high"], n=one["n"], people=people)
                moves.add(file.name, (one["low"], one["high"]), (new.low, new.high))
                if (one["low"], one["high"]) != (new.low, new.high):  # what is wide enough keeps the word of its method
                    one |= {"low": new.low, "high": new.high, "method": new.method}
    _write(file, told, indent=2)


def detector(file: Path, moves: Moves) -> None:
    """Widen the areas of `benchmarks/cloak_detector.py`."""
    told = _read(file)
    for one in told["cloaks"]:
        new = widened(*one["auc"], n=one["cloaked"] + one["natural"], people=one["people"])
        moves.add(file.parent.name, (one["auc"][1], one["auc"][2]), (new.low, new.high))
        one["auc"] = [new.value, new.low, new.high]
    _write(file, told, indent=2)


def photos(file: Path, moves: Moves) -> None:
    """Counts of one probe a person, of `benchmarks/cloak_photos.py`."""
    told = _read(file)
    for row in told["rows"]:
        for one in (entry for entry in row.values() if isinstance(entry, dict)):
            missed = np.zeros(row["people"])
            missed[: round(one["value"] * row["people"])] = 1
            new = count_interval(missed, np.ones(row["people"]))
            moves.add(file.name, (one["low"], one["high"]), (new.low, new.high))
            one |= {"low": new.low, "high": new.high}
    _write(file, told, indent=1)


def plan(folder: Path, moves: Moves) -> None:
    """Recompute the cells of a plan of cloaking from their stored misses, and make its whole summary anew."""
    told = _read(folder / "summary.json")
    written, _ = with_keys_of_today(told["plan"], Cloaking.old_keys)
    settings, kind = {name: value for name, value in written.items() if name != "kind"}, Cloaking()
    cells = [_cell(CloakingResult.from_json(one), told, moves, folder.name) for one in told["data"]["cells"]]
    costs = {name: _cost(cost, moves, folder.name) for name, cost in told["data"]["costs"].items()}
    results, place = [], 0
    wanted = plan_of(settings)
    for table in wanted.tables:
        recognizers = table.recognizers or wanted.recognizers
        for cloak in table.cloaks:
            for purifier in table.purifiers:
                for tracker in table.trackers:
                    some = cells[place : place + len(recognizers)]
                    if {(one.cloak, one.purifier, one.tracker) for one in some} != {(cloak, purifier, tracker)}:
                        raise SystemExit(f"{folder.name}: cells are not in the order of the plan at {place}")
                    values = {"table": table.title, "judges": list(recognizers)}
                    results.append(_result(values, {"cells": [one.as_json() for one in some]}))
                    place += len(recognizers)
    results += [_result({"cost": [name]}, {"cost": {**cost, "psnr": 0.0}}) for name, cost in costs.items()]
    summary = kind.summarize(settings, results)
    write_summary(_told(summary, costs), folder, command=told["command"], settings=written)
    (folder / "summary.tex").unlink()


def _result(values: Mapping[str, Any], value: Mapping[str, Any]) -> CellResult:
    return CellResult(PlanCell("stored", values), value)


def _told(summary: Summary, costs: Mapping[str, Any]) -> Summary:
    """A summary with what is true of these cells alone: which intervals are old, and what their PSNR is a mean of."""
    tables = []
    for table in summary.tables:
        if table.title == "Cost for natural faces":
            place = next(i for i, name in enumerate(table.columns) if name.startswith("PSNR"))
            rows = [list(row) for row in table.rows]
            for row in rows:
                row[place] = f"{costs[row[0]]['psnr_mean']:.1f}"
            columns = (*table.columns[:place], PSNR, *table.columns[place + 1 :])
            table = Table(table.title, columns, tuple(tuple(row) for row in rows), note=table.note)
        tables.append(table)
    sentences = tuple(one for one in summary.sentences if not one.startswith("Left out: "))
    data = {**summary.data, "costs": costs}
    return replace(summary, sentences=(*sentences, NOT_STORED), tables=tuple(tables), data=data)


def _cell(cell: CloakingResult, told: Mapping[str, Any], moves: Moves, file: str) -> CloakingResult:
    rows = _rows(cell, told)

    def counted(rates: Sequence[float], old: Interval) -> Interval:
        errors = np.array(rates) * rows
        if np.abs(errors - errors.round()).max() > 1e-6 or abs(errors.sum() / rows.sum() - old.value) > 1e-9:
            raise SystemExit(f"{file}: {cell.cloak}, {cell.recognizer}: misses do not fit {rows.tolist()} probes")
        new = count_interval(errors.round(), rows)
        moves.add(file, (old.low, old.high), (new.low, new.high))
        return new

    return replace(
        cell,
        protection=counted(cell.hidden, cell.protection),
        natural_error=counted(cell.missed, cell.natural_error),
    )


def _rows(cell: CloakingResult, told: Mapping[str, Any]) -> Any:
    """How many probes of each attacker were searched for, over all splits."""
    if told["plan"]["set"] != "scrapshots":
        return np.full(cell.attackers, cell.protection.n / cell.attackers)
    if "scrapshots" not in _PROBES:
        with tempfile.TemporaryDirectory() as temporary:
            crowd = load_crowd(
                "scrapshots", people=10**6, photos=told["plan"]["photos"], distractors=0, store=Store(Path(temporary))
            )
        split = crowd.split(0)
        _PROBES["scrapshots"] = [len(split.probes[who]) for who in crowd.attackers(cell.attackers)]
    return np.array(_PROBES["scrapshots"]) * len(cell.seeds)


_PROBES: dict[str, list[int]] = {}


def _cost(cost: Mapping[str, Any], moves: Moves, file: str) -> dict[str, Any]:
    names = {"psnr": "psnr_mean", "judges": "recognizers"}
    made: dict[str, Any] = {names.get(name, name): value for name, value in json.loads(json.dumps(cost)).items()}
    people, genuine = GENUINE.get(file.removeprefix("cloaking_"), GENUINE_LFW)
    for one in made["recognizers"].values():
        for side in ("before", "gallery", "both"):
            for name, n in (("eer", one["pairs"]), ("tar_at_far_0.1%", genuine)):
                old = one[side][name]
                new = widened(*old, n=n, people=people)
                moves.add(file, (old[1], old[2]), (new.low, new.high))
                one[side][name] = [new.value, new.low, new.high]
    return made


def mark(folder: Path) -> None:
    """Say in a summary, once, that its intervals are of the earlier method."""
    file, page = folder / "summary.json", folder / "summary.md"
    told, text = _read(file), page.read_text(encoding="utf-8")
    if MARK not in told["sentences"]:
        last = f"- {told['sentences'][-1]}\n"
        if last not in text:
            raise SystemExit(f"{page}: does not hold the last sentence of its JSON")
        told["sentences"].append(MARK)
        write_json(file, told)
        write_text(page, text.replace(last, f"{last}- {MARK}\n", 1))


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _write(file: Path, told: Any, *, indent: int) -> None:
    file.write_text(json.dumps(told, indent=indent) + "\n", encoding="utf-8")


def main() -> None:
    """Recompute every stored result, and print what moved."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    folder, moves = parser.parse_args().results, Moves()
    steps: list[tuple[Callable[[Path, Moves], None], Path]] = [
        (verification, folder / "verification.json"),
        (photos, folder / "cloak_photos.json"),
        *((detector, folder / f"{name}.json") for name in DETECTORS),
        *((plan, folder / name) for name in PLANS),
    ]
    for step, path in steps:
        step(path, moves)
    for name in PRINTED:
        mark(folder / name)
    print("\n".join(moves.lines()))


if __name__ == "__main__":
    main()
