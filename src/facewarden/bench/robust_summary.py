"""The report of an `adversarial_training` plan: clean errors, success and robust accuracy, paired by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facewarden.bench.plan_kind import CellResult, Summary
from facewarden.metrics.intervals import Interval, mean_by_subject, paired_bootstrap_difference
from facewarden.report.document import Figure, Table

PLAIN = ("plain", "start")
Sample = tuple[int, str]
"""Seed and key."""


@dataclass(eq=False)
class Outcomes:
    """What became of single samples of one method under one attack, gathered over seeds.

    Attributes:
        held: (seed, key) -> whether the decision is right when clean and under attack.
        right: (seed, key) -> whether it is right when clean; has the same samples.
        subject: (seed, key) -> who it is.
    """

    held: dict[Sample, bool] = field(default_factory=dict)
    right: dict[Sample, bool] = field(default_factory=dict)
    subject: dict[Sample, str] = field(default_factory=dict)

    def add(self, seed: int, asked: Sequence[str], *, hit: Mapping[str, int], subject: Mapping[str, str]) -> None:
        """Add one seed.

        Args:
            seed: of the training.
            asked: keys of all samples, decided correctly or not.
            hit: key -> whether the attack succeeds, of those that are decided correctly when clean.
            subject: key -> who it is.
        """
        for key in asked:
            sample = (seed, key)
            self.right[sample] = key in hit
            self.held[sample] = key in hit and not hit[key]
            self.subject[sample] = subject[key]

    def success(self) -> Interval | None:
        """Share of flipped decisions among those that are right when clean, by subject."""
        return self._mean([(s, not self.held[s]) for s, right in self.right.items() if right])

    def robust(self) -> Interval | None:
        """Share of all samples that are decided correctly when clean and under attack, by subject."""
        return self._mean(list(self.held.items()))

    def seeds(self) -> list[float]:
        """Robust accuracy of each seed."""
        by_seed: dict[int, list[bool]] = {}
        for (seed, _), held in self.held.items():
            by_seed.setdefault(seed, []).append(held)
        return [float(np.mean(values)) for values in by_seed.values()]

    def against(self, other: Outcomes, *, what: Literal["robust", "success"]) -> Interval | None:
        """This method's rate less the other's over the same seeds and samples, with an interval by subject.

        Args:
            other: of the reference, under the same attack.
            what: "robust" over all samples; "success" over those that both decide correctly when clean.
        """
        both = [s for s in self.held if s in other.held]
        if what == "success":
            both = [s for s in both if self.right[s] and other.right[s]]
        if not both:
            return None
        sign = 1.0 if what == "robust" else -1.0
        first, second = (sign * np.array([o.held[s] for s in both], float) for o in (self, other))
        return paired_bootstrap_difference(first, second, subjects=np.array([self.subject[s] for s in both]), seed=0)

    def _mean(self, values: Sequence[tuple[Sample, bool]]) -> Interval | None:
        if not values:
            return None
        subjects = np.array([self.subject[sample] for sample, _ in values])
        return mean_by_subject(np.array([value for _, value in values], float), subjects, seed=0)


Found = Mapping[tuple[str, str], Outcomes]
"""(method, attack) -> outcomes."""


def summarize(settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
    """Turn the cells that worked into a summary."""
    clean = {str(r.cell.settings["model"]): dict(r.value) for r in results if r.cell.settings["do"] == "clean"}
    method_of = {str(r.cell.settings["model"]): str(r.cell.settings["method_name"]) for r in results
                 if r.cell.settings["do"] == "clean"}  # fmt: skip
    methods = list(dict.fromkeys(method_of.values()))
    found = read_outcomes(results, method_of, clean)
    accuracy = _accuracy(clean, method_of, methods)
    return Summary(
        title=str(settings.get("title", "Adversarial training")),
        sentences=tuple(_sentences(methods, found, accuracy)),
        tables=(
            _clean_table(results, clean, method_of, methods),
            _short_table(methods, found),
            _long_table(methods, found),
        ),
        figures=tuple(_trade_off(methods, found, accuracy)),
        simulated=any(bool(found.get("simulated")) for found in clean.values()),
    )


def read_outcomes(
    results: Sequence[CellResult], method_of: Mapping[str, str], clean: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], Outcomes]:
    """(method, "attack through head at eps [with SFA]") -> outcomes."""
    found: dict[tuple[str, str], Outcomes] = {}
    for result in results:
        settings, value = result.cell.settings, result.value
        if settings["do"] == "attack":
            model = str(settings["model"])
            for name, hits in value["success"].items():
                eps, _, reading = name.partition("|")
                through = "" if settings["head"] == "live" else f" through {settings['head']}"
                column = f"{settings['attack']}{through} {eps}/255" + (" with SFA" if reading == "sfa" else "")
                found.setdefault((method_of[model], column), Outcomes()).add(
                    int(settings["seed"]),
                    value["asked"],
                    hit=dict(zip(value["key"], hits, strict=True)),
                    subject=_subjects(clean[model]),
                )
        if settings["do"] == "transfer":
            for victim, rates in value["victims"].items():
                for eps in value["eps"]:
                    rows = zip(value["key"], rates["right"], rates[f"{eps:g}"], strict=True)
                    found.setdefault((method_of[victim], f"transfer {eps:g}/255"), Outcomes()).add(
                        int(settings["seed"]),
                        value["key"],
                        hit={key: wrong for key, right, wrong in rows if right},
                        subject=_subjects(clean[victim]),
                    )
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


def _columns(found: Found) -> list[str]:
    return list(dict.fromkeys(column for _, column in found))


def _reference(methods: Sequence[str]) -> str | None:
    return next((name for name in PLAIN if name in methods), None)


def _short_table(methods: Sequence[str], found: Found) -> Table:
    columns = _columns(found)
    rows = []
    for method in methods:
        rates = [o.robust() if (o := found.get((method, column))) else None for column in columns]
        rows.append((method, *(None if rate is None else f"{rate.value:.0%}" for rate in rates)))
    return Table(
        "Robust accuracy",
        ("Method", *columns),
        tuple(rows),
        note="Share of all samples that are decided correctly when clean and under attack; of transfer, of those that "
        "the surrogate decides correctly. Intervals and differences: the next table.",
    )


def _long_table(methods: Sequence[str], found: Found) -> Table:
    plain = _reference(methods)
    rows = []
    for column in _columns(found):
        for method in methods:
            here = found.get((method, column))
            if here is None:
                continue
            other = None if plain in (None, method) else found.get((str(plain), column))
            changes = [None if other is None else here.against(other, what=what) for what in ("robust", "success")]
            seeds = here.seeds()
            spread = f"{min(seeds):.1%} to {max(seeds):.1%}" if len(seeds) > 1 else None
            rows.append((column, method, _rate(here.success()), _rate(here.robust()), spread, *map(_points, changes)))
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


def _rate(found: Interval | None) -> str | None:
    return None if found is None else f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}), n = {found.n}"


def _points(found: Interval | None) -> str | None:
    if found is None:
        return None
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f}), n = {found.n}"


def _strongest(methods: Sequence[str], found: Found) -> str | None:
    """The white-box attack that leaves the least robust accuracy, mean over methods, of those that all have."""
    shared = [c for c in _columns(found) if all((m, c) in found for m in methods) and not c.startswith("transfer")]

    def left(column: str) -> float:
        rates = [found[method, column].robust() for method in methods]
        return float(np.mean([1.0 if rate is None else rate.value for rate in rates]))

    return min(shared, key=left, default=None)


def _sentences(methods: Sequence[str], found: Found, accuracy: Mapping[str, NDArray[np.float64]]) -> Iterator[str]:
    """One for each method, against the reference."""
    plain, strongest = _reference(methods), _strongest(methods, found)
    if plain is None:
        return
    for method in methods:
        if method in PLAIN:
            continue
        words = []
        if strongest is not None:
            here, other = found[method, strongest], found[plain, strongest]
            change = here.against(other, what="robust")
            if change is not None:
                words.append(
                    f"robust accuracy under {strongest} {_rate(here.robust())}, {_points(change)} in points "
                    f"against {plain}, paired by seed and sample"
                )
        words.append(_tally(method, plain, found))
        if len(accuracy[method]) == len(accuracy[plain]):
            apart = 100 * (accuracy[method] - accuracy[plain])
            words.append(
                f"clean accuracy {apart.mean():+.1f} points, mean over {len(apart)} seeds ({apart.min():+.1f} to "
                f"{apart.max():+.1f})"
            )
        yield f"{method}: {'; '.join(word for word in words if word)}."


def _tally(method: str, plain: str, found: Found) -> str:
    """In how many attacks the paired interval is clear of zero."""
    changes = []
    for column in _columns(found):
        here, other = found.get((method, column)), found.get((plain, column))
        if here is not None and other is not None:
            changes.append(here.against(other, what="robust"))
    known = [change for change in changes if change is not None]
    if not known:
        return ""
    up, down = sum(change.low > 0 for change in known), sum(change.high < 0 for change in known)
    return f"with an interval clear of zero it is higher in {up} and lower in {down} of {len(known)} attacks"


def _trade_off(methods: Sequence[str], found: Found, accuracy: Mapping[str, NDArray[np.float64]]) -> Iterator[Figure]:
    """Clean accuracy against robust accuracy under the strongest white-box attack that all methods have."""
    strongest = _strongest(methods, found)
    if strongest is None:
        return
    series = []
    for method in methods:
        rate = found[method, strongest].robust()
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
