"""The report of an `adversarial_training` plan: clean errors, success and robust accuracy, paired by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.evaluation.self_check_table import check_report, failures
from facewarden.experiments.adversarial_training.checks import method_checks
from facewarden.experiments.adversarial_training.outcomes import read_outcomes, unions
from facewarden.experiments.adversarial_training.settings import NOT_TRAINED
from facewarden.experiments.adversarial_training.tables import (
    PLAIN,
    Found,
    clean_table,
    columns_of,
    direction_table,
    long_table,
    points,
    reference,
    short_table,
    summary_data,
)
from facewarden.experiments.engine.kind import CellResult, Summary
from facewarden.metrics.intervals import in_words
from facewarden.reporting.document import Figure


def summarize(settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
    """Turn the cells that worked into a summary."""
    clean = {str(r.cell.settings["model"]): dict(r.value) for r in results if r.cell.settings["do"] == "clean"}
    method_of = {str(r.cell.settings["model"]): str(r.cell.settings["method_name"]) for r in results
                 if r.cell.settings["do"] == "clean"}  # fmt: skip
    methods = list(dict.fromkeys(method_of.values()))
    own = [method for method in methods if not method.endswith(NOT_TRAINED)]
    outcomes = read_outcomes(results, method_of, clean)
    shown = {**outcomes, **unions(outcomes)}
    accuracy = _accuracy(clean, method_of, methods)
    trained = [r for r in results if r.cell.settings["do"] == "train" and "passes" in r.value]
    backward = {str(r.cell.settings["method_name"]): float(r.value["passes"]["model"][1]) for r in trained}
    checks = check_report(list(method_checks(results, method_of)))
    return Summary(
        title=str(settings.get("title", "Adversarial training")),
        sentences=(*_sentences(own, outcomes, accuracy, backward), *failures(checks)),
        tables=(
            clean_table(results, clean, method_of, methods),
            short_table(methods, shown),
            *((checks,) if checks.rows else ()),
            long_table(methods, shown),
            direction_table(methods, shown),
        ),
        figures=tuple(_trade_off(methods, outcomes, accuracy, strongest=_strongest(own, outcomes))),
        simulated=any(bool(one.get("simulated")) for one in clean.values()),
        data=summary_data(clean, method_of, methods, shown),
    )


def _accuracy(
    clean: Mapping[str, Mapping[str, Any]], method_of: Mapping[str, str], methods: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Clean accuracy of every method, in the order of the seeds."""
    return {
        method: np.array([clean[m]["accuracy"][0] for m, of in method_of.items() if of == method]) for method in methods
    }


def _strongest(methods: Sequence[str], outcomes: Found) -> str | None:
    """The white-box attack that leaves the least robust accuracy, mean over methods, of those that all have."""
    shared = [
        c for c in columns_of(outcomes) if all((m, c) in outcomes for m in methods) and not c.startswith("transfer")
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
    plain, strongest = reference(methods), _strongest(methods, outcomes)
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
                    f"robust accuracy under {strongest} {in_words(here.robust())}, {points(change)} in points "
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
    for column in columns_of(outcomes):
        here, other = outcomes.get((method, column)), outcomes.get((plain, column))
        if here is not None and other is not None:
            changes.append(here.against(other, what="robust"))
    known = [change for change in changes if change is not None]
    if not known:
        return ""
    up, down = sum(change.low > 0 for change in known), sum(change.high < 0 for change in known)
    return f"with an interval clear of zero it is higher in {up} and lower in {down} of {len(known)} attacks"


def _trade_off(
    methods: Sequence[str],
    outcomes: Found,
    accuracy: Mapping[str, NDArray[np.float64]],
    *,
    strongest: str | None,
) -> Iterator[Figure]:
    """Clean accuracy against robust accuracy under the strongest white-box attack that all methods have."""
    if strongest is None:
        return
    series = []
    for method in methods:
        rate = here.robust() if (here := outcomes.get((method, strongest))) else None
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
