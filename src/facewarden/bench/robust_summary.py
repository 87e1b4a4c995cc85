"""The report of an `adversarial_training` plan: clean errors and success rates by method, over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.bench.plan_kind import CellResult, Summary
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.report.document import Figure, Table

PLAIN = ("plain", "start")


@dataclass(eq=False)
class Rows:
    """Outcomes on single samples, gathered over seeds.

    Attributes:
        hit, subject: one entry a sample and seed.
        by_seed: the mean of each seed.
    """

    hit: list[int] = field(default_factory=list)
    subject: list[str] = field(default_factory=list)
    by_seed: list[float] = field(default_factory=list)

    def add(self, hits: Sequence[int], subjects: Sequence[str]) -> None:
        """Add one seed."""
        self.hit += list(hits)
        self.subject += list(subjects)
        if hits:
            self.by_seed.append(float(np.mean(hits)))

    def rate(self) -> Interval | None:
        """Mean over seeds and samples, by subject."""
        return mean_by_subject(np.array(self.hit), np.array(self.subject), seed=0) if self.hit else None

    def text(self) -> str | None:
        """The rate, its interval, and the range of the seeds."""
        found = self.rate()
        if found is None:
            return None
        seeds = f"; seeds {min(self.by_seed):.1%} to {max(self.by_seed):.1%}" if len(self.by_seed) > 1 else ""
        return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}), n = {found.n}{seeds}"


def summarize(settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
    """Turn the cells that worked into a summary."""
    clean = {str(r.cell.settings["model"]): dict(r.value) for r in results if r.cell.settings["do"] == "clean"}
    method_of = {str(r.cell.settings["model"]): str(r.cell.settings["method_name"]) for r in results
                 if r.cell.settings["do"] == "clean"}  # fmt: skip
    methods = list(dict.fromkeys(method_of.values()))
    success = _success(results, method_of, clean)
    tables = [_clean_table(results, clean, method_of, methods)]
    columns = list(dict.fromkeys(column for _, column in success))
    rows = []
    for method in methods:
        cells = [success[method, column].text() if (method, column) in success else None for column in columns]
        rows.append((method, *cells))
    tables.append(
        Table(
            "Attack success by method",
            ("Method", *columns),
            tuple(rows),
            note="Samples that each detector decides correctly when clean; 95 % by subject over all seeds, and the "
            "range of the seeds' own rates. SFA's generators are those of the starting point.",
        )
    )
    accuracy = _accuracy(clean, method_of, methods)
    return Summary(
        title=str(settings.get("title", "Adversarial training")),
        sentences=tuple(_sentences(methods, success, accuracy, columns)),
        tables=tuple(tables),
        figures=tuple(_trade_off(methods, success, accuracy, columns)),
        simulated=any(bool(found.get("simulated")) for found in clean.values()),
    )


def _success(
    results: Sequence[CellResult], method_of: Mapping[str, str], clean: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], Rows]:
    """(method, "attack through head at eps [with SFA]") -> outcomes."""
    found: dict[tuple[str, str], Rows] = {}
    for result in results:
        settings, value = result.cell.settings, result.value
        if settings["do"] == "attack":
            subject = _subjects(clean[str(settings["model"])])
            for name, hits in value["success"].items():
                eps, _, reading = name.partition("|")
                through = "" if settings["head"] == "live" else f" through {settings['head']}"
                column = f"{settings['attack']}{through} {eps}/255" + (" with SFA" if reading == "sfa" else "")
                rows = found.setdefault((method_of[str(settings["model"])], column), Rows())
                rows.add(hits, [subject[key] for key in value["key"]])
        if settings["do"] == "transfer":
            for victim, rates in value["victims"].items():
                subject = _subjects(clean[victim])
                right = np.array(rates["right"], bool)
                keys = np.array(value["key"])[right]
                for eps in value["eps"]:
                    rows = found.setdefault((method_of[victim], f"transfer {eps:g}/255"), Rows())
                    rows.add(np.array(rates[f"{eps:g}"])[right].tolist(), [subject[key] for key in keys.tolist()])
    return found


def _subjects(clean: Mapping[str, Any]) -> dict[str, str]:
    return {sample["key"]: sample["subject"] for sample in clean["samples"]}


def _clean_table(
    results: Sequence[CellResult],
    clean: Mapping[str, Mapping[str, Any]],
    method_of: Mapping[str, str],
    methods: Sequence[str],
) -> Table:
    names = ("acer_worst_species", "apcer_worst_species", "bpcer", "eer")
    costs = {str(r.cell.settings["method_name"]): r.value for r in results if r.cell.settings["do"] == "train"}
    rows = []
    for method in methods:
        models = [model for model, of in method_of.items() if of == method]
        cells: list[str | int | None] = []
        for name in names:
            values = [clean[m]["metrics"][name][0] for m in models if name in clean[m]["metrics"]]
            cells.append(f"{np.mean(values):.1%} ({min(values):.1%} to {max(values):.1%})" if values else None)
        accuracies = [clean[m]["accuracy"][0] for m in models]
        cost = costs.get(method)
        steps = None if cost is None else f"{cost['gradients']:g} x {cost['epochs']} epochs"
        mean = f"{np.mean(accuracies):.1%} ({min(accuracies):.1%} to {max(accuracies):.1%})"
        rows.append((method, len(models), steps, mean, *cells))
    return Table(
        "Clean, mean over seeds (range of seeds)",
        ("Method", "Seeds", "Gradients per sample", "Accuracy", *(name.replace("_", " ").upper() for name in names)),
        tuple(rows),
        note="Every method goes on from the same starting point of its seed.",
    )


def _accuracy(
    clean: Mapping[str, Mapping[str, Any]], method_of: Mapping[str, str], methods: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Clean accuracy of every method, in the order of the seeds."""
    return {
        method: np.array([clean[m]["accuracy"][0] for m, of in method_of.items() if of == method]) for method in methods
    }


def _sentences(
    methods: Sequence[str],
    success: Mapping[tuple[str, str], Rows],
    accuracy: Mapping[str, NDArray[np.float64]],
    columns: Sequence[str],
) -> Iterator[str]:
    plain = next((name for name in PLAIN if name in methods), None)
    others = [method for method in methods if method not in PLAIN]
    if plain is None or not others:
        return
    for method in others:
        if len(accuracy[method]) == len(accuracy[plain]):
            change = 100 * (accuracy[method] - accuracy[plain])
            yield (
                f"{method} changes clean accuracy against {plain} by {change.mean():+.1f} points, mean over "
                f"{len(change)} seeds ({change.min():+.1f} to {change.max():+.1f})."
            )
    for column in columns:
        known = {m: rows for m in methods if (rows := success.get((m, column))) is not None and rows.hit}
        if plain not in known or len(known) < 2:
            continue
        rates = {m: float(np.mean(rows.hit)) for m, rows in known.items()}
        best = min((m for m in known if m not in PLAIN), key=lambda m: rates[m], default=None)
        if best is not None:
            apart = 100 * (rates[best] - rates[plain])
            least = f"{best} gives way least" if apart < 0 else f"none gives way less than {plain}; {best} comes next"
            yield (
                f"{column}: {least}, {known[best].text()}; {plain} {known[plain].text()} ({apart:+.1f} points; each "
                f"over what it decides correctly when clean, not paired)."
            )


def _trade_off(
    methods: Sequence[str],
    success: Mapping[tuple[str, str], Rows],
    accuracy: Mapping[str, NDArray[np.float64]],
    columns: Sequence[str],
) -> Iterator[Figure]:
    """Clean accuracy against robust accuracy under the strongest white-box column that all methods have."""
    shared = [c for c in columns if all((m, c) in success for m in methods) and not c.startswith("transfer")]
    if not shared:
        return
    strongest = max(shared, key=lambda c: np.mean([np.mean(success[m, c].hit or [0]) for m in methods]))
    series = []
    for method in methods:
        rate = success[method, strongest].rate()
        if rate is not None:
            series.append({"name": method, "x": [float(accuracy[method].mean())], "y": [1 - rate.value],
                           "low": [1 - rate.high], "high": [1 - rate.low], "n": rate.n})  # fmt: skip
    if series:
        yield Figure(
            "curves",
            f"Clean accuracy against decisions that hold under {strongest}",
            {"xlabel": "clean accuracy, mean over seeds", "ylabel": "decisions that hold", "percent": True,
             "xpercent": True, "series": series},
            alt=f"One point a method: clean accuracy to the right, decisions that hold under {strongest} upwards.",
        )  # fmt: skip
