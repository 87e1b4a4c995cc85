"""The poisoning section of the report, from what the cloaking experiment measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from facewarden.bench.poisoning import Cloaking, verification_pairs
from facewarden.metrics.intervals import Interval, mean_by_subject, sum_interval
from facewarden.metrics.match import eer_threshold
from facewarden.report.document import Figure, LeftOut, Metric, Section, Table
from facewarden.report.grades import grade
from facewarden.report.words import measured, plain

Found = Mapping[str, Mapping[str, Any]]


def poisoning_section(setting: Cloaking, found: Found, *, left_out: Sequence[LeftOut] = ()) -> Section:
    """Turn each cloaking person's counts into metrics, a table, a figure, a grade and a finding.

    Args:
        setting: the experiment.
        found: person -> result of `measure_user`.
        left_out: what is missing.
    """
    cloak = f"{type(setting.attack).__name__.lower()}_{setting.threat.eps * 255:g}"
    metrics = [metric for purifier in setting.purifiers for metric in _of_purifier(setting, found, purifier, cloak)]
    metrics += _cloak_quality(setting, found, cloak)
    verdict = grade("poisoning", metrics)
    return Section(
        name="poisoning",
        grade=verdict.letter,
        finding=_finding(setting, metrics),
        reason=verdict.reason,
        metrics=tuple(metrics),
        tables=(_table(setting, metrics),),
        figures=(_figure(setting, metrics),),
        left_out=tuple(left_out),
        skipped=dict(setting.faces.skipped),
        simulated=setting.faces.simulated,
    )


def _of_purifier(setting: Cloaking, found: Found, purifier: str, cloak: str) -> Iterator[Metric]:
    rows = [(index, result["purifiers"][purifier]) for index, result in enumerate(found.values())]
    who = np.concatenate([np.full(len(cells["cloaked"]), index) for index, cells in rows])
    hidden = 1.0 - np.concatenate([np.array(cells["cloaked"], float) for _, cells in rows])
    missed = 1.0 - np.concatenate([np.array(cells["natural"], float) for _, cells in rows])

    def metric(name: str, value: Interval, cloak: str | None, note: str) -> Metric:
        group = {"purifier": purifier, "judge": setting.judge.card.name} | ({"cloak": cloak} if cloak else {})
        bounds = (value.value, value.low, value.high, value.n)
        return Metric(name, *bounds, setting.faces.simulated, "%", group, f"{note}; {value.method}")

    note = "1-NN, probes clean and not purified"
    yield metric("protection_rate", mean_by_subject(hidden, who, seed=setting.seed), cloak, note)
    yield metric("protection_rate", mean_by_subject(missed, who, seed=setting.seed), "none", note)
    others = np.array([cells["others"] for _, cells in rows])
    persons = np.arange(len(others))
    yield metric(
        "normal_accuracy", mean_by_subject(others, persons, seed=setting.seed), cloak, "everybody else's probes"
    )
    yield metric(
        "verification_accuracy", _verification(setting, purifier), None, "balanced, threshold of unpurified EER"
    )


def _verification(setting: Cloaking, purifier: str) -> Interval:
    """Balanced accuracy of same/different decisions between clean probes and the purified natural gallery."""
    plain_pairs, pairs = verification_pairs(setting, "identity"), verification_pairs(setting, purifier)
    threshold = eer_threshold(plain_pairs.genuine, plain_pairs.impostor)
    accepted = mean_by_subject(pairs.genuine >= threshold, pairs.genuine_subject, seed=setting.seed)
    rejected = mean_by_subject(pairs.impostor < threshold, pairs.impostor_subject, seed=setting.seed)
    value = (accepted.value + rejected.value) / 2
    return sum_interval(value, [(0.5, accepted), (0.5, rejected)], n=accepted.n + rejected.n)


def _cloak_quality(setting: Cloaking, found: Found, cloak: str) -> list[Metric]:
    psnr = np.concatenate([np.array(result["psnr"], float) for result in found.values()])
    who = np.concatenate([np.full(len(result["psnr"]), index) for index, result in enumerate(found.values())])
    mean = mean_by_subject(psnr, who, seed=setting.seed)
    group = {"cloak": cloak}
    note = f"of the 8-bit cloaked crop; {mean.method}"
    return [Metric("cloak_psnr", mean.value, mean.low, mean.high, mean.n, setting.faces.simulated, "dB", group, note)]


def _named(metrics: Sequence[Metric], name: str, purifier: str, *, cloaked: bool | None = None) -> Metric:
    return next(
        metric
        for metric in metrics
        if metric.name == name
        and metric.group.get("purifier") == purifier
        and (cloaked is None or (metric.group["cloak"] != "none") == cloaked)
    )


def _table(setting: Cloaking, metrics: Sequence[Metric]) -> Table:
    rows = []
    for name in setting.purifiers:
        hidden = _named(metrics, "protection_rate", name, cloaked=True)
        missed = _named(metrics, "protection_rate", name, cloaked=False)
        others, kept = _named(metrics, "normal_accuracy", name), _named(metrics, "verification_accuracy", name)
        rows.append((plain(name), measured(hidden), measured(missed), measured(others), measured(kept)))
    made_on = " and ".join(model.card.name for model in setting.surrogates)
    return Table(
        "Does the tracker still find a person who cloaks?",
        ("Purifier", "Protection of the cloak", "Missed without a cloak", "Others found", "Verification accuracy"),
        tuple(rows),
        note=f"Judge {setting.judge.card.name}, cloak made on {made_on}: the judge is never among them. "
        f"{len(setting.cloakers)} people cloak in turn among {len(setting.split)}.",
        simulated=setting.faces.simulated,
    )


def _figure(setting: Cloaking, metrics: Sequence[Metric]) -> Figure:
    items = []
    for name in setting.purifiers:
        metric = _named(metrics, "protection_rate", name, cloaked=True)
        items.append(
            {"name": plain(name), "value": metric.value, "low": metric.low, "high": metric.high, "n": metric.n}
        )
    return Figure(
        "interval_dots",
        "Protection that the cloak keeps after each purifier",
        {"xlabel": "protection rate", "percent": True, "rows": items},
        alt="Protection rate with its interval for every purifier; lower is better for the owner of the recognizer.",
        simulated=setting.faces.simulated,
    )


def _finding(setting: Cloaking, metrics: Sequence[Metric]) -> str:
    untreated = _named(metrics, "protection_rate", "identity", cloaked=True)
    treated = [_named(metrics, "protection_rate", n, cloaked=True) for n in setting.purifiers if n != "identity"]
    text = (
        f"A cloak of at most {setting.threat.eps * 255:g} gray levels hides its owner from {setting.judge.card.name} "
        f"in {measured(untreated)} of the searches when the gallery is used as it comes."
    )
    if treated:
        best = min(treated, key=lambda metric: metric.value)
        text += f" After the best purifier here, {plain(best.group['purifier'])}, it is {measured(best)}."
    return text
