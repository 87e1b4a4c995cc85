"""The report of an `adversarial_training` plan: clean errors, success and robust accuracy, paired by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.evaluation.self_check_table import check_report, failures
from facewarden.experiments.adversarial_training.checks import method_checks
from facewarden.experiments.adversarial_training.outcomes import Outcomes, read_outcomes
from facewarden.experiments.engine.kind import CellResult, Summary
from facewarden.experiments.vulnerability.tables import CLEAN_WORDS
from facewarden.metrics.intervals import Interval, in_words
from facewarden.reporting.document import Figure, Table

PLAIN = ("plain", "start")
Found = Mapping[tuple[str, str], Outcomes]
"""(method, attack) -> outcomes."""


def summarize(settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
    """Turn the cells that worked into a summary."""
    clean = {str(r.cell.settings["model"]): dict(r.value) for r in results if r.cell.settings["do"] == "clean"}
    method_of = {str(r.cell.settings["model"]): str(r.cell.settings["method_name"]) for r in results
                 if r.cell.settings["do"] == "clean"}  # fmt: skip
    methods = list(dict.fromkeys(method_of.values()))
    outcomes = read_outcomes(results, method_of, clean)
    accuracy = _accuracy(clean, method_of, methods)
    trained = [r for r in results if r.cell.settings["do"] == "train" and "passes" in r.value]
    backward = {str(r.cell.settings["method_name"]): float(r.value["passes"]["model"][1]) for r in trained}
    checks = check_report(list(method_checks(results, method_of)))
    return Summary(
        title=str(settings.get("title", "Adversarial training")),
        sentences=(*_sentences(methods, outcomes, accuracy, backward), *failures(checks)),
        tables=(
            _clean_table(results, clean, method_of, methods),
            _short_table(methods, outcomes),
            *((checks,) if checks.rows else ()),
            _long_table(methods, outcomes),
        ),
        figures=tuple(_trade_off(methods, outcomes, accuracy)),
        simulated=any(bool(outcomes.get("simulated")) for outcomes in clean.values()),
    )


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
        spent = [_passes(cost, name) for name in ("model", "generators")]
        mean = f"{np.mean(accuracies):.1%} ({min(accuracies):.1%} to {max(accuracies):.1%})"
        rows.append((method, len(models), *spent, mean, *cells))
    return Table(
        "Clean, mean over seeds (range of seeds)",
        ("Method", "Seeds", "Passes of a sample", "Of SFA's generators", "Accuracy",
         *(CLEAN_WORDS[name] for name in names)),
        tuple(rows),
        note="Every method goes on from the same starting point of its seed. Passes are counted, forward / backward, "
        "over the whole training with everything that it takes: attacks, second looks, and the training of SFA's "
        "generators; those of the much smaller generators stand apart.",
    )  # fmt: skip


def _passes(cost: Mapping[str, Any] | None, network: str) -> str | None:
    taken = (cost or {}).get("passes", {}).get(network)
    return None if taken is None else f"{taken[0]:.1f} / {taken[1]:.1f}"


def _accuracy(
    clean: Mapping[str, Mapping[str, Any]], method_of: Mapping[str, str], methods: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Clean accuracy of every method, in the order of the seeds."""
    return {
        method: np.array([clean[m]["accuracy"][0] for m, of in method_of.items() if of == method]) for method in methods
    }


def _columns(outcomes: Found) -> list[str]:
    return list(dict.fromkeys(column for _, column in outcomes))


def _reference(methods: Sequence[str]) -> str | None:
    return next((name for name in PLAIN if name in methods), None)


def _short_table(methods: Sequence[str], outcomes: Found) -> Table:
    columns = _columns(outcomes)
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


def _long_table(methods: Sequence[str], outcomes: Found) -> Table:
    plain = _reference(methods)
    rows = []
    for column in _columns(outcomes):
        for method in methods:
            here = outcomes.get((method, column))
            if here is None:
                continue
            other = None if plain in (None, method) else outcomes.get((str(plain), column))
            changes = [None if other is None else here.against(other, what=what) for what in ("robust", "success")]
            seeds = here.seeds()
            spread = f"{min(seeds):.1%} to {max(seeds):.1%}" if len(seeds) > 1 else None
            rows.append(
                (column, method, in_words(here.success()), in_words(here.robust()), spread, *map(_points, changes))
            )
    return Table(
        "Attack success and robust accuracy by attack and method",
        ("Attack", "Method", "Success", "Robust accuracy", "Of single seeds", f"Robust accuracy against {plain}",
         f"Success against {plain}"),
        tuple(rows),
        note="Success counts over what the method itself decides correctly when clean, so that an inaccurate one looks "
        "better than it is; robust accuracy counts over all samples. Differences are in points, paired by seed and "
        "sample (of success, over what both decide correctly), 95 % by subject. SFA's generators are those of the "
        "starting point.",
    )  # fmt: skip


def _points(interval: Interval | None) -> str | None:
    if interval is None:
        return None
    return f"{100 * interval.value:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f}), n = {interval.n}"


def _strongest(methods: Sequence[str], outcomes: Found) -> str | None:
    """The white-box attack that leaves the least robust accuracy, mean over methods, of those that all have."""
    shared = [
        c for c in _columns(outcomes) if all((m, c) in outcomes for m in methods) and not c.startswith("transfer")
    ]

    def left(column: str) -> float:
        rates = [outcomes[method, column].robust() for method in methods]
        return float(np.mean([1.0 if rate is None else rate.value for rate in rates]))

    return min(shared, key=left, default=None)


def _sentences(
    methods: Sequence[str],
    outcomes: Found,
    accuracy: Mapping[str, NDArray[np.float64]],
    backward: Mapping[str, float],
) -> Iterator[str]:
    """One for each method, against the reference."""
    plain, strongest = _reference(methods), _strongest(methods, outcomes)
    if plain is None:
        return
    for method in methods:
        if method in PLAIN:
            continue
        words = []
        if strongest is not None:
            here, other = outcomes[method, strongest], outcomes[plain, strongest]
            change = here.against(other, what="robust")
            if change is not None:
                words.append(
                    f"robust accuracy under {strongest} {in_words(here.robust())}, {_points(change)} in points "
                    f"against {plain}, paired by seed and sample"
                )
        words.append(_tally(method, plain, outcomes))
        if len(accuracy[method]) == len(accuracy[plain]):
            apart = 100 * (accuracy[method] - accuracy[plain])
            words.append(f"clean accuracy {apart.mean():+.1f} points, {_over(apart)}")
        if method in backward and plain in backward:
            more = 100 * (backward[method] / backward[plain] - 1)
            words.append(f"{backward[method]:.1f} backward passes a sample, {more:+.1f} % against {plain}")
        yield f"{method}: {'; '.join(word for word in words if word)}."


def _over(apart: NDArray[np.float64]) -> str:
    if len(apart) == 1:
        return "of one seed"
    return f"mean over {len(apart)} seeds ({apart.min():+.1f} to {apart.max():+.1f})"


def _tally(method: str, plain: str, outcomes: Found) -> str:
    """In how many attacks the paired interval is clear of zero."""
    changes = []
    for column in _columns(outcomes):
        here, other = outcomes.get((method, column)), outcomes.get((plain, column))
        if here is not None and other is not None:
            changes.append(here.against(other, what="robust"))
    known = [change for change in changes if change is not None]
    if not known:
        return ""
    up, down = sum(change.low > 0 for change in known), sum(change.high < 0 for change in known)
    return f"with an interval clear of zero it is higher in {up} and lower in {down} of {len(known)} attacks"


def _trade_off(
    methods: Sequence[str], outcomes: Found, accuracy: Mapping[str, NDArray[np.float64]]
) -> Iterator[Figure]:
    """Clean accuracy against robust accuracy under the strongest white-box attack that all methods have."""
    strongest = _strongest(methods, outcomes)
    if strongest is None:
        return
    series = []
    for method in methods:
        rate = outcomes[method, strongest].robust()
        if rate is not None:
            series.append({"name": method, "x": [float(accuracy[method].mean())], "y": [rate.value],
                           "low": [rate.low], "high": [rate.high], "n": rate.n})  # fmt: skip
    if series:
        yield Figure(
            "curves",
            f"Clean accuracy against robust accuracy under {strongest}",
            {"xlabel": "clean accuracy, mean over seeds", "ylabel": "robust accuracy", "percent": True,
             "xpercent": True, "series": series},
            alt=f"One point a method: clean accuracy to the right, robust accuracy under {strongest} upwards.",
        )  # fmt: skip
