"""The audited detector and recognizer as one system: IAPAR by species, in the section on presentations."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.auditing.request import AuditRequest
from facewarden.core.errors import FacewardenError, RunError
from facewarden.core.resolve import resolve_recognizer
from facewarden.core.run import RunFolder
from facewarden.data.manifest import Manifest
from facewarden.evaluation.full_system.matching import CaptureMatches, match_captures
from facewarden.evaluation.full_system.rule import MATCH_RULE, MatchRule
from facewarden.evaluation.presentation import PresentationResult
from facewarden.evaluation.scores import Scores
from facewarden.metrics.checked import codes_of
from facewarden.metrics.intervals import Interval, count_interval
from facewarden.reporting.document import LeftOut, Metric, Section, Table
from facewarden.reporting.format import measured, plain

SCORES = "scores.parquet"
WORST, BY_SPECIES, MATCHING, REJECTED = "iapar_worst_species", "iapar", "attack_match_rate", "frr_full_system"
_WHAT = "IAPAR, the detector and the recognizer as one system"
_LOG = logging.getLogger("facewarden")


def with_full_system(
    alone: PresentationResult, scores: Scores, manifest: Manifest, needs: AuditRequest, run: RunFolder
) -> PresentationResult:
    """Add what detector and recognizer do as one system; where that cannot be measured, the section says why.

    The comparisons are added to the table of scores, and the threshold of the recognizer is written beside it, so that
    a laboratory's report finds both.

    Args:
        alone: the detector by itself.
        scores: of both splits.
        manifest: the captures of both splits.
        needs: says which recognizer.
        run: keeps the comparisons.

    Raises:
        RunError: the run's folder cannot be used.
    """
    try:
        found = _compared(manifest, needs, run)
    except RunError:
        raise
    except FacewardenError as error:
        _LOG.warning("%s: not measured: %s", _WHAT, error)
        left = LeftOut(_WHAT, error.message, error.hint)
        return replace(alone, section=replace(alone.section, left_out=(*alone.section.left_out, left)))
    scores.write(run.path / SCORES, more={"match": [found.cosine.get(key) for key in scores.key.tolist()]})
    found.rule.write(run.path / MATCH_RULE)
    return replace(alone, section=full_system_section(alone, found))


def _compared(manifest: Manifest, needs: AuditRequest, run: RunFolder) -> CaptureMatches:
    def compute() -> dict[str, Any]:
        recognizer = resolve_recognizer(needs.recognizer, device=needs.device)
        return asdict(match_captures(recognizer, manifest, workers=needs.workers))

    known = run.stage("matches", compute)
    return CaptureMatches(**{**known, "rule": MatchRule(**known["rule"])})


def full_system_section(alone: PresentationResult, found: CaptureMatches) -> Section:
    """The section on presentations with the figures of the full system.

    Args:
        alone: the detector by itself, with its threshold and the scores of the test split.
        found: comparisons of the same captures.
    """
    section, test = alone.section, alone.test
    cosine = found.of(test.key.tolist())
    compared = np.isfinite(cosine)
    accepted, matched = test.score >= alone.rule.threshold, cosine >= found.rule.threshold  # NaN does not match
    note = found.rule.words

    def share(hits: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Interval:
        who, people = codes_of(test.subject[rows])
        return count_interval(np.bincount(who, weights=hits[rows].astype(np.float64), minlength=people.size),
                              np.bincount(who, minlength=people.size))  # fmt: skip

    def metric(name: str, one: Interval, **group: str) -> Metric:
        bounds = (one.value, one.low, one.high, one.n)
        return Metric(name, *bounds, test.simulated, "%", group, f"{note}; {one.method}")

    def of_species() -> Iterator[tuple[str, Interval, Interval, Interval]]:
        for name in sorted(set(test.species[(test.label == 0) & compared].tolist())):
            rows = (test.species == name) & compared
            yield name, share(accepted, rows), share(matched, rows), share(accepted & matched, rows)

    rates = sorted(of_species(), key=lambda one: (-one[3].value, -one[3].high))
    worst = metric(WORST, rates[0][3])
    whole = [worst]
    live = (test.label == 1) & compared
    if live.any():
        whole.append(metric(REJECTED, share(~(accepted & matched), live)))
    by_species = [metric(BY_SPECIES, both, species=name) for name, _, _, both in rates]
    by_species += [metric(MATCHING, match, species=name) for name, _, match, _ in rates]
    rows = tuple(
        (plain(name), *(measured(metric("x", one)) for one in (passed, match, both)))
        for name, passed, match, both in rates
    )
    lost = ", ".join(f"{count} captures: {reason}" for reason, count in found.left_out.items())
    table = Table(
        "Detector and recognizer as one system, by species",
        ("PAI species", "Pass the detector", "Match their target", "IAPAR: both"),
        rows,
        note=f"{note}. {found.enrolled} subjects are enrolled with up to three bona fide captures each, which are in "
        f"no rate here.{f' Not compared: {lost}.' if lost else ''}",
        simulated=test.simulated,
    )
    told = (
        f"{plain(rates[0][0])} passes both most often: IAPAR {measured(worst)}"
        if worst.value
        else f"none of {sum(one[3].n for one in rates)} attacks passes both (IAPAR 0 % of every species)"
    )
    first = next((n for n, one in enumerate(section.metrics) if one.name == "apcer"), len(section.metrics))
    return replace(
        section,
        finding=f"{section.finding} With {found.rule.recognizer} behind it, {told}.",
        metrics=(*section.metrics[:first], *whole, *section.metrics[first:], *by_species),
        tables=(section.tables[0], table, *section.tables[1:]),
    )
