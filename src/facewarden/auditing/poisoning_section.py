"""The poisoning section of the report, from what the cloaking experiment measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from facewarden.auditing.poisoning import Poisoning, cloak_psnr, verification_pairs
from facewarden.experiments.cloaking.measure import CloakingResult
from facewarden.metrics.combine import rate_difference
from facewarden.metrics.intervals import Interval, bootstrap_by_subject, mean_by_subject, sum_interval
from facewarden.metrics.match import eer_threshold
from facewarden.metrics.psnr import SET_PSNR
from facewarden.reporting.document import Figure, LeftOut, Metric, Section, Table
from facewarden.reporting.format import measured, plain
from facewarden.reporting.grades import RECOGNIZER_FAILS, grade

Found = Mapping[str, Sequence[CloakingResult]]


def poisoning_section(setting: Poisoning, found: Found, *, left_out: Sequence[LeftOut] = ()) -> Section:
    """Turn the cells into metrics, a table, a figure, a grade and a finding.

    Args:
        setting: the experiment.
        found: result of `run_poisoning`.
        left_out: what is missing.
    """
    simulated = setting.lab.crowd.faces.simulated
    metrics = [metric for name, cells in found.items() for metric in _of_purifier(setting, name, cells)]
    metrics += _quality(setting)
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
        skipped=dict(setting.lab.crowd.faces.skipped),
        simulated=simulated,
    )


def _quality(setting: Poisoning) -> Iterator[Metric]:
    """PSNR of the cloaked crops as a set: of all their pixels together, of the middle crop and of the worst ones.

    A mean of PSNRs would be ruled by crops that hardly changed.
    """
    psnr, owner = cloak_psnr(setting)
    simulated = setting.lab.crowd.faces.simulated
    for name, (what, statistic) in SET_PSNR.items():
        found = bootstrap_by_subject(partial(statistic, psnr), owner, seed=setting.seed, proportion=False)
        about = {"cloak": setting.cloak.name}
        note = f"{what} of the 8-bit cloaked crops; {found.method}"
        yield Metric(name, found.value, found.low, found.high, found.n, simulated, "dB", about, note)


def _of_purifier(setting: Poisoning, purifier: str, cells: Sequence[CloakingResult]) -> Iterator[Metric]:
    simulated = setting.lab.crowd.faces.simulated

    def metric(name: str, value: Interval, note: str, **group: str) -> Metric:
        about = {"purifier": purifier, "recognizer": setting.lab.recognizer(setting.recognizer).card.name, **group}
        bounds = (value.value, value.low, value.high, value.n)
        return Metric(name, *bounds, simulated, "%", about, f"{note}; {value.method}")

    for cell in cells:
        kind = cell.kind.replace("_", " ")
        made_on = " and ".join(cell.surrogates)
        note = f"{cell.tracker}, probes clean and not purified, recognizer is {kind}, cloak on {made_on}"
        yield metric("protection_rate", cell.protection, note, tracker=cell.tracker, cloak=cell.cloak)
        yield metric("natural_error", cell.natural_error, note, tracker=cell.tracker)
        beyond = rate_difference(cell.protection, cell.natural_error)
        yield metric("excess_protection_rate", beyond, note, tracker=cell.tracker, cloak=cell.cloak)
        others = "everybody else's probes"
        yield metric("normal_accuracy", cell.normal_accuracy, others, tracker=cell.tracker, cloak=cell.cloak)
    kept = _verification(setting, purifier)
    yield metric("verification_accuracy", kept, "balanced, threshold of unpurified EER")


def _verification(setting: Poisoning, purifier: str) -> Interval:
    """Balanced accuracy of same/different decisions between clean probes and the purified natural gallery."""
    plain_pairs, pairs = verification_pairs(setting, "identity"), verification_pairs(setting, purifier)
    threshold = eer_threshold(plain_pairs.genuine, plain_pairs.impostor)
    accepted = mean_by_subject(pairs.genuine >= threshold, pairs.genuine_subject, seed=setting.seed)
    rejected = mean_by_subject(pairs.impostor < threshold, pairs.impostor_subject, seed=setting.seed)
    value = (accepted.value + rejected.value) / 2
    return sum_interval(value, [(0.5, accepted), (0.5, rejected)], n=accepted.n + rejected.n)


def _named(metrics: Sequence[Metric], name: str, purifier: str, *, tracker: str = "nearest") -> Metric:
    return next(
        metric
        for metric in metrics
        if metric.name == name
        and metric.group.get("purifier") == purifier
        and metric.group.get("tracker", tracker) == tracker
    )


def _table(setting: Poisoning, metrics: Sequence[Metric]) -> Table:
    rows = []
    for name in setting.purifiers:
        hidden = [_named(metrics, "protection_rate", name, tracker=tracker) for tracker in ("nearest", "linear")]
        missed, others = _named(metrics, "natural_error", name), _named(metrics, "normal_accuracy", name)
        kept = _named(metrics, "verification_accuracy", name)
        rows.append((plain(name), *map(measured, hidden), measured(missed), measured(others), measured(kept)))
    recognizer, made_on = setting.lab.recognizer(setting.recognizer).card.name, " and ".join(setting.cloak.surrogates)
    cloaking, people = len(setting.lab.crowd.attackers(setting.users)), len(setting.lab.crowd.people)
    return Table(
        "Does the tracker still find a person who cloaks?",
        (
            "Purifier",
            "Protection, 1-NN tracker",
            "Protection, linear tracker",
            "Missed without a cloak",
            "Others found",
            "Verification accuracy",
        ),
        tuple(rows),
        note=f"Recognizer {recognizer}, cloak made on {made_on}: it is never among them. "
        f"{cloaking} people cloak in turn among {people}.",
        simulated=setting.lab.crowd.faces.simulated,
    )


def _figure(setting: Poisoning, metrics: Sequence[Metric]) -> Figure:
    items = []
    for name in setting.purifiers:
        for tracker in ("nearest", "linear"):
            one = _named(metrics, "protection_rate", name, tracker=tracker)
            values = {"value": one.value, "low": one.low, "high": one.high, "n": one.n}
            items.append({"name": plain(name), "series": tracker, **values})
    return Figure(
        "interval_dots",
        "Protection that the cloak keeps after each purifier",
        {"xlabel": "protection rate", "percent": True, "rows": items},
        alt="Protection rate with its interval for every purifier and tracker; lower is better for the owner of the "
        "recognizer.",
        simulated=setting.lab.crowd.faces.simulated,
    )


def _finding(setting: Poisoning, metrics: Sequence[Metric]) -> str:
    untreated, missed = (_named(metrics, name, "identity") for name in ("protection_rate", "natural_error"))
    treated = [_named(metrics, "excess_protection_rate", name) for name in setting.purifiers if name != "identity"]
    recognizer = setting.lab.recognizer(setting.recognizer).card.name
    if missed.value > RECOGNIZER_FAILS:
        return (
            f"{recognizer} misses {measured(missed)} of the searches for people who do not cloak, and "
            f"{measured(untreated)} with a cloak of at most {setting.cloak.eps:g} gray levels: it fails before any "
            "cloak does."
        )
    beyond = _named(metrics, "excess_protection_rate", "identity")
    text = (
        f"A cloak of at most {setting.cloak.eps:g} gray levels hides its owner from {recognizer} in "
        f"{measured(untreated)} of the searches when the gallery is used as it comes; {measured(missed)} are missed "
        f"without a cloak, so the cloak adds {measured(beyond)}."
    )
    if treated:
        best = min(treated, key=lambda metric: (metric.value, metric.group["purifier"]))
        name = plain(best.group["purifier"])
        which = f"{name}, the best of {len(treated)} purifiers by this number," if len(treated) > 1 else name
        text += f" After {which} it adds {measured(best)}."
    return text
