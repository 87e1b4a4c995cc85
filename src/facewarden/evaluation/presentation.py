"""The presentation section of the audit: how well a detector tells bona fide presentations from attacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewarden.core.decision import DecisionRule
from facewarden.core.errors import LeakError
from facewarden.evaluation.polarity import reversed_words
from facewarden.evaluation.scores import Scores, rows_of_split
from facewarden.metrics.celeba_spoof import official_summary
from facewarden.metrics.laboratory.det import det_curve
from facewarden.metrics.pad import fit_rule
from facewarden.metrics.summary import presentation_summary
from facewarden.reporting.document import Figure, LeftOut, Metric, Section, Table
from facewarden.reporting.format import measured, plain
from facewarden.reporting.grades import grade
from facewarden.reporting.named import as_metric


@dataclass(frozen=True)
class PresentationResult:
    """What the presentation section measured, for the sections that build on it.

    Attributes:
        rule: the threshold, set on the development split.
        test: scores of the test split.
        section: the finished section.
        warnings: what a reader must be told before any figure; the section says it too.
    """

    rule: DecisionRule
    test: Scores
    section: Section
    warnings: tuple[str, ...] = ()


def measure_presentation(
    scores: Scores,
    *,
    policy: str,
    seed: int,
    rounds: int,
    left_out: Sequence[LeftOut] = (),
    absent: Sequence[str] = (),
) -> PresentationResult:
    """Set the threshold on the development split and measure the test split.

    Args:
        scores: of both splits.
        policy: how the threshold is set, see `facewarden.metrics.pad.fit_rule`.
        seed, rounds: of the subject bootstrap.
        left_out: what is missing.
        absent: sensors that captures lack, as `facewarden.evaluation.scores.absent_words` says it.

    Raises:
        BadInputError: a split lacks a class.
        LeakError: a subject is in both splits.
    """
    dev, test = rows_of_split(scores, "dev"), rows_of_split(scores, "test")
    refuse_shared_subjects(dev, test)
    rule = fit_rule(
        dev.score, dev.label, policy=policy, split="dev", species=dev.species,
        source=scores.source, simulated=scores.simulated,
    )  # fmt: skip
    figures = presentation_summary(
        test.score, test.label, species=test.species, subjects=test.subject, rule=rule, seed=seed, rounds=rounds
    )
    metrics = tuple(sorted((as_metric(f, simulated=scores.simulated) for f in figures), key=_reading_order))
    by_domain = tuple(_by_domain(test, rule, seed=seed, rounds=rounds, simulated=scores.simulated))
    lacking = _lacking(test)
    verdict = grade("presentation", metrics)
    area = _named(metrics, "auc")
    turned = reversed_words(area.value, low=area.low or 0.0, high=1.0 if area.high is None else area.high)
    section = Section(
        name="presentation",
        grade=verdict.letter,
        finding=f"{turned} {_finding(metrics)}" if turned else _finding(metrics),
        reason=verdict.reason,
        metrics=metrics + by_domain + tuple(_official(test, seed=seed, rounds=rounds)),
        tables=(_species_table(metrics, test), _domain_table(by_domain, lacking, simulated=scores.simulated)),
        figures=(_histogram(test, rule), _det(test, metrics, rule)),
        left_out=(*left_out, *(LeftOut("the detector with all of its sensors", one, _WITH_ALL) for one in absent)),
        skipped=dict(scores.skipped),
        simulated=scores.simulated,
    )
    told = tuple(
        f"domain {domain} has no {what} in the test split, so no figures of its own" for domain, what in lacking.items()
    )
    return PresentationResult(rule, test, section, (*((turned,) if turned else ()), *absent, *told))


_WITH_ALL = "captures with every sensor, or a detector that reads fewer: facewarden list detectors"


def refuse_shared_subjects(dev: Scores, test: Scores) -> None:
    """Raise when someone whose rows set the threshold is also tested.

    Raises:
        LeakError: says how many, and who first.
    """
    shared = sorted(set(dev.subject.tolist()) & set(test.subject.tolist()))
    if shared:
        raise LeakError(
            f"{dev.source}: {len(shared)} subjects are in both dev and test, first {shared[0]!r}",
            hint="split by subject; facewarden data check lists them",
        )


_PER_DOMAIN = ("acer_worst_species", "bpcer", "auc")


def _by_domain(test: Scores, rule: DecisionRule, *, seed: int, rounds: int, simulated: bool) -> Iterator[Metric]:
    for domain in sorted(set(test.domain.tolist())):
        part = test.where(domain=domain)
        if len(set(part.label.tolist())) < 2:
            continue  # its rows count in the pooled figures; `_lacking` says so
        found = presentation_summary(
            part.score, part.label, species=part.species, subjects=part.subject, rule=rule, seed=seed, rounds=rounds
        )
        yield from (as_metric(f, simulated=simulated, group={"domain": domain}) for f in found if f.name in _PER_DOMAIN)


def _lacking(test: Scores) -> dict[str, str]:
    """Domains that have one class alone -> which presentations they lack."""
    found = {}
    for domain in sorted(set(test.domain.tolist())):
        labels = set(test.label[test.domain == domain].tolist())
        if len(labels) < 2:
            found[domain] = "attacks" if 1 in labels else "bona fide presentations"
    return found


_OFFICIAL = "celeba_spoof"


def _official(test: Scores, *, seed: int, rounds: int) -> Iterator[Metric]:
    """The figures that a published set's own script gives, beside ours."""
    part = test.where(domain=_OFFICIAL)
    if len(set(part.label.tolist())) == 2:
        for found in official_summary(part.score, part.label, subjects=part.subject, seed=seed, rounds=rounds):
            yield as_metric(found, simulated=test.simulated, group={"domain": _OFFICIAL})


def _named(metrics: Sequence[Metric], name: str) -> Metric:
    return next(metric for metric in metrics if metric.name == name and not metric.group)


def _finding(metrics: Sequence[Metric]) -> str:
    bpcer = _named(metrics, "bpcer")
    worst = max((m for m in metrics if m.name == "apcer"), key=lambda metric: metric.value)
    return (
        f"At the threshold set on development subjects it rejects {measured(bpcer)} of bona fide presentations. "
        f"The attack that passes most often is {plain(worst.group['species'])}: {measured(worst)} of them are accepted."
    )


_FIRST = ("acer_worst_species", "bpcer", "apcer_worst_species", "eer", "auc", "bpcer20_worst_species", "apcer")


def _reading_order(metric: Metric) -> int:
    """What a reader looks for first; a stable sort keeps the rest as it is."""
    return _FIRST.index(metric.name) if metric.name in _FIRST else len(_FIRST)


def _species_table(metrics: Sequence[Metric], test: Scores) -> Table:
    rows = []
    for metric in sorted((m for m in metrics if m.name == "apcer"), key=lambda m: -m.value):
        species = metric.group["species"]
        people = len(set(test.subject[test.species == species].tolist()))
        rows.append((plain(species), measured(metric), people))
    return Table(
        "Attacks accepted, by species", ("PAI species", "APCER", "Subjects"), tuple(rows), simulated=test.simulated
    )


def _domain_table(metrics: Sequence[Metric], lacking: Mapping[str, str], *, simulated: bool) -> Table:
    domains = list(dict.fromkeys(metric.group["domain"] for metric in metrics))
    by = {(metric.group["domain"], metric.name): metric for metric in metrics}
    rows = [(plain(domain), *(measured(by[domain, name]) for name in _PER_DOMAIN)) for domain in domains]
    rows += [(plain(domain), *(f"no {what}" for _ in _PER_DOMAIN)) for domain, what in lacking.items()]
    columns = ("Domain", "ACER, worst species", "BPCER", "AUC")
    return Table("By sensor domain", columns, tuple(rows), simulated=simulated)


def _det(test: Scores, metrics: Sequence[Metric], rule: DecisionRule) -> Figure:
    """BPCER against APCER: all attacks, and the three species that pass most often; the threshold of dev is marked."""
    live = np.sort(test.score[test.label == 1])
    attacks = test.label == 0
    worst = sorted((m for m in metrics if m.name == "apcer"), key=lambda metric: -metric.value)[:3]
    groups = {"all attacks": attacks} | {
        plain(m.group["species"]): attacks & (test.species == m.group["species"]) for m in worst
    }
    curves = {name: det_curve(live, np.sort(test.score[rows])) for name, rows in groups.items()}
    pooled, rejected = (_named(metrics, name) for name in ("apcer_pooled", "bpcer"))
    mark: dict[str, str | float] = {"name": f"threshold ({rule.policy} on dev), all attacks"}
    for axis, metric in (("x", pooled), ("y", rejected)):
        low, high = (metric.value if end is None else end for end in (metric.low, metric.high))
        mark |= {axis: metric.value, f"{axis}low": low, f"{axis}high": high}
    series = [
        {"name": name, "x": one.apcer.tolist(), "y": one.bpcer.tolist(), "n": one.n} for name, one in curves.items()
    ]
    return Figure(
        "det",
        "Detection error trade-off",
        {"series": series, "marks": [mark]},
        alt="BPCER against APCER over all thresholds, of all attacks and of the species that pass most often.",
        simulated=test.simulated,
    )


def _histogram(test: Scores, rule: DecisionRule) -> Figure:
    low, high = float(test.score.min()), float(test.score.max())
    edges = np.linspace(low, high if high > low else low + 1.0, 41)

    def counts(rows: NDArray[np.bool_]) -> list[int]:
        return [int(count) for count in np.histogram(test.score[rows], bins=edges)[0]]

    bona_fide = test.label == 1
    return Figure(
        "histogram",
        "Scores of the test split",
        {
            "xlabel": "score (logit, higher = more bona fide)",
            "edges": edges.tolist(),
            "series": [
                {"name": "bona fide", "counts": counts(bona_fide)},
                {"name": "attack", "counts": counts(~bona_fide)},
            ],
            "threshold": rule.threshold,
            "threshold_label": f"threshold ({rule.policy} on dev)",
        },
        alt="Distribution of scores of bona fide and attack presentations, with the decision threshold.",
        simulated=test.simulated,
    )
