"""Tables and JSON values of an `adversarial_training` plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facewarden.evaluation.decisions import DIRECTIONS
from facewarden.experiments.adversarial_training.outcomes import Outcomes
from facewarden.experiments.adversarial_training.settings import NOT_TRAINED
from facewarden.experiments.engine.kind import CellResult
from facewarden.experiments.vulnerability.tables import CLEAN_WORDS
from facewarden.metrics.intervals import Interval, in_words
from facewarden.reporting.document import Table

PLAIN = ("plain", "start")
Found = Mapping[tuple[str, str], Outcomes]
"""(method, attack) -> outcomes."""
_CLEAN = {
    **{name: CLEAN_WORDS[name] for name in ("acer_worst_species", "apcer_worst_species", "bpcer", "eer")},
    "auc": "AUC",
}
"""What a success does -> the class of the samples."""


def clean_table(
    results: Sequence[CellResult],
    clean: Mapping[str, Mapping[str, Any]],
    method_of: Mapping[str, str],
    methods: Sequence[str],
) -> Table:
    """Error rates, AUC and what the training took."""
    costs = {str(r.cell.settings["method_name"]): r.value for r in results if r.cell.settings["do"] == "train"}
    rows = []
    for method in methods:
        models = [model for model, of in method_of.items() if of == method]
        cells: list[str | int | None] = []
        for name in _CLEAN:
            values = [clean[m]["metrics"][name][0] for m in models if name in clean[m]["metrics"]]
            cells.append(f"{np.mean(values):.1%} ({min(values):.1%} to {max(values):.1%})" if values else None)
        ranking = _over_seeds("auc", [clean[m] for m in models])
        cells.append(None if ranking is None else _bounds(ranking))
        accuracies = [clean[m]["accuracy"][0] for m in models]
        cost = costs.get(method)
        spent = [_passes(cost, name) for name in ("model", "generators")]
        mean = f"{np.mean(accuracies):.1%} ({min(accuracies):.1%} to {max(accuracies):.1%})"
        seeds = None if method.endswith(NOT_TRAINED) else len(models)
        rows.append((method, seeds, *spent, mean, *cells))
    return Table(
        "Clean, mean over seeds (range of seeds)",
        ("Method", "Seeds", "Passes of a sample", "Of SFA's generators", "Accuracy",
         *_CLEAN.values(), "AUC, 95 % by subject"),
        tuple(rows),
        note="Every method goes on from the same starting point of its seed. Passes are counted, forward / backward, "
        "over the whole training with everything that it takes: attacks, second looks, and the training of SFA's "
        "generators; those of the much smaller generators stand apart. A detector that is not trained here has no "
        "seed. The bounds of the AUC are the means of the seeds' bounds.",
    )  # fmt: skip


def _passes(cost: Mapping[str, Any] | None, network: str) -> str | None:
    taken = (cost or {}).get("passes", {}).get(network)
    return None if taken is None else f"{taken[0]:.1f} / {taken[1]:.1f}"


def columns_of(outcomes: Found) -> list[str]:
    """Attacks, in the order in which they were met."""
    return list(dict.fromkeys(column for _, column in outcomes))


def reference(methods: Sequence[str]) -> str | None:
    """What the other methods are compared with."""
    return next((name for name in PLAIN if name in methods), None)


def short_table(methods: Sequence[str], outcomes: Found) -> Table:
    """Robust accuracy, a column an attack."""
    columns = columns_of(outcomes)
    rows = []
    for method in methods:
        rates = [o.robust() if (o := outcomes.get((method, column))) else None for column in columns]
        rows.append((method, *(None if rate is None else f"{rate.value:.0%}" for rate in rates)))
    return Table(
        "Robust accuracy",
        ("Method", *columns),
        tuple(rows),
        note="Share of all samples that are decided correctly when clean and under attack; of transfer, of those that "
        "the surrogate decides correctly; through a head, of those whose truth of it is known. Intervals and "
        "differences: the next table.",
    )


def long_table(methods: Sequence[str], outcomes: Found) -> Table:
    """Success and robust accuracy with intervals and differences, a row an attack and method."""
    plain = reference(methods)
    rows = []
    for column in columns_of(outcomes):
        for method in methods:
            here = outcomes.get((method, column))
            if here is None:
                continue
            other = None if plain in (None, method) else outcomes.get((str(plain), column))
            changes = [None if other is None else here.against(other, what=what) for what in ("robust", "success")]
            seeds = here.seeds()
            spread = f"{min(seeds):.1%} to {max(seeds):.1%}" if len(seeds) > 1 else None
            rows.append(
                (column, method, in_words(here.success()), in_words(here.robust()), spread, *map(points, changes))
            )
    return Table(
        "Attack success and robust accuracy by attack and method",
        ("Attack", "Method", "Success", "Robust accuracy", "Of single seeds", f"Robust accuracy against {plain}",
         f"Success against {plain}"),
        tuple(rows),
        note="Success counts over what the method itself decides correctly when clean, so that an inaccurate one looks "
        "better than it is; robust accuracy counts over all samples. Differences are in points, paired by seed and "
        "sample (of success, over what both decide correctly), 95 % by subject. SFA's generators are those of the "
        "starting point. A detector that is not trained here is attacked on the samples of the first seed.",
    )  # fmt: skip


def direction_table(methods: Sequence[str], outcomes: Found) -> Table:
    """Success by the class of the samples."""
    rows = [
        (column, method, *(in_words(here.success(label=label)) for label in DIRECTIONS.values()))
        for column in columns_of(outcomes)
        for method in methods
        if (here := outcomes.get((method, column))) is not None
    ]
    return Table(
        "Attack success by direction",
        ("Attack", "Method", "Attack taken for bona fide", "Bona fide taken for attack"),
        tuple(rows),
        note="Of the samples of a class that the method itself decides correctly when clean, 95 % by subject.",
    )


def summary_data(
    clean: Mapping[str, Mapping[str, Any]], method_of: Mapping[str, str], methods: Sequence[str], outcomes: Found
) -> dict[str, Any]:
    """The rates as JSON values: "clean" by method and metric with the interval of each seed, "attacks" by attack."""
    names = ("accuracy", *_CLEAN)
    of_method = {method: [clean[m] for m, of in method_of.items() if of == method] for method in methods}
    return {
        "clean": {
            method: {name: found for name in names if (found := _over_seeds(name, models))}
            for method, models in of_method.items()
        },
        "attacks": {
            column: {method: _rates(here) for method in methods if (here := outcomes.get((method, column))) is not None}
            for column in columns_of(outcomes)
        },
    }


def _over_seeds(name: str, models: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Mean over seeds; the bounds are the means of the seeds' bounds, as the seeds have the same people."""
    values = [m["accuracy"] if name == "accuracy" else m["metrics"].get(name) for m in models]
    seeds = [_as_rate(*value) for value in values if value is not None]
    if not seeds:
        return None
    means = {what: float(np.mean([seed[what] for seed in seeds])) for what in ("value", "low", "high")}
    return {**means, "n": seeds[0]["n"], "seeds": seeds}


def _bounds(rate: Mapping[str, Any]) -> str:
    return f"{rate['value']:.1%} ({rate['low']:.1%} to {rate['high']:.1%}), n = {rate['n']}"


def _rates(here: Outcomes) -> dict[str, Any]:
    found = {"success": here.success(), "robust": here.robust()}
    found |= {name: here.success(label=label) for name, label in DIRECTIONS.items()}
    return {name: _as_rate(i.value, i.low, i.high, i.n) for name, i in found.items() if i is not None}


def _as_rate(value: float, low: float, high: float, n: int) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": n}


def points(interval: Interval | None) -> str | None:
    """A difference in points."""
    if interval is None:
        return None
    return f"{100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f}), n = {interval.n}"
