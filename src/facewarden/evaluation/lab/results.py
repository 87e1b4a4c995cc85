"""Results of a test by PAI species and series: APCER, APNRR, IAPAR, and what caught the attacks; never averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facewarden.evaluation.lab.records import LabRecords
from facewarden.evaluation.score_file.measure import subjects_of
from facewarden.metrics.intervals import Interval, count_interval
from facewarden.metrics.laboratory.planning import upper_bound


@dataclass(frozen=True)
class SpeciesResult:
    """Attacks of one PAI species.

    Attributes:
        name: of the species.
        presentations: with and without a response.
        subjects, series, artifacts: how many; None where the records do not say.
        apcer: of the presentations with a response; None where there is none.
        bound: one-sided 95 % Clopper-Pearson bound of the APCER, as of independent presentations.
        apnrr: share without a response.
        iapar: share that passes the detector and matches the target; None without a recognizer, or where none of those
            that pass has a comparison.
        iapar_is_bound: whether some of those that pass have no comparison and count as matches: the true IAPAR can
            only be lower.
        by_series: series -> (accepted, presentations with a response).
        by_attempt: attempt -> (accepted, presentations with a response).
        mechanisms: which part of the system decided -> attacks that it stopped.
    """

    name: str
    presentations: int
    subjects: int | None
    series: int | None
    artifacts: int | None
    apcer: Interval | None
    bound: float | None
    apnrr: Interval
    iapar: Interval | None
    iapar_is_bound: bool
    by_series: Mapping[str, tuple[int, int]]
    by_attempt: Mapping[str, tuple[int, int]]
    mechanisms: Mapping[str, int]


@dataclass(frozen=True)
class LabResults:
    """Results of a test.

    Attributes:
        species: by species.
        bpcer, bpnrr: of bona fide presentations; the first None where none has a response.
        bona_fide, bona_fide_subjects: how many.
        bpcer_matched: share of bona fide presentations that the whole system rejects (BPCER or no match); None without
            a recognizer, or where none of those that pass has a comparison.
        bpcer_matched_is_bound: whether some of those that pass have no comparison and count as rejected.
        threshold: accept iff score >= threshold.
        uncompared: presentations without a comparison where one was needed.
    """

    species: tuple[SpeciesResult, ...]
    bpcer: Interval | None
    bpnrr: Interval
    bona_fide: int
    bona_fide_subjects: int | None
    bpcer_matched: Interval | None
    bpcer_matched_is_bound: bool
    threshold: float
    uncompared: int = 0


def lab_results(records: LabRecords, *, threshold: float, all_compared: bool = False) -> LabResults:
    """Measure a test at a threshold.

    Args:
        records: of its presentations, without those that were excluded.
        threshold: accept iff score >= threshold.
        all_compared: whether the recognizer compared presentations whatever the detector said of them, as in an audit;
            those without a comparison are then in no rate of the full system. Else a recognizer behind the detector
            sees what passes alone: what the detector rejects needs no comparison.
    """
    rows = records.rows
    subject, _ = subjects_of(rows)
    accepted = rows.score >= threshold  # False where there is no response
    answered = rows.answered
    live = rows.bona_fide
    known = rows.subject is not None

    def share(hits: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> Interval | None:
        if not chosen.any():
            return None
        who = np.unique(subject[chosen], return_inverse=True)[1]
        return count_interval(np.bincount(who, weights=hits[chosen].astype(np.float64)), np.bincount(who))

    system = records.matched
    matched = np.zeros(len(rows), bool) if system is None else accepted & (system == 1)
    compared = answered if system is None else np.isfinite(system)
    lost = answered & ~compared & (all_compared | accepted)

    def of_system(hits: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> tuple[Interval | None, bool]:
        """A rate of detector and recognizer, and whether it is an upper bound: those that are lost count as hits."""
        chosen = chosen & answered
        if system is None:
            return None, False
        if all_compared:
            return share(hits, chosen & compared), False
        if not (lost & chosen).any():
            return share(hits, chosen), False
        if not (accepted & compared & chosen).any():
            return None, False
        least, most = _some(share(hits & ~lost, chosen)), _some(share(hits | lost, chosen))
        return replace(most, low=least.low), True

    found = []
    for code in np.unique(rows.species.codes[~live]):
        chosen = rows.species.codes == code
        passed = accepted & chosen & answered
        rate = share(accepted, chosen & answered)
        iapar, bound = of_system(matched, chosen)
        found.append(
            SpeciesResult(
                name=rows.species.names[int(code)],
                presentations=int(chosen.sum()),
                subjects=int(np.unique(subject[chosen]).size) if known else None,
                series=_distinct(records, "series", chosen),
                artifacts=_distinct(records, "artifact", chosen),
                apcer=rate,
                bound=None if rate is None else upper_bound(int(passed.sum()), rate.n),
                apnrr=_some(share(~answered, chosen)),
                iapar=iapar,
                iapar_is_bound=bound,
                by_series=_by(records, "series", chosen & answered, accepted),
                by_attempt=_by(records, "attempt", chosen & answered, accepted),
                mechanisms=_stopped(records, chosen & answered & ~accepted),
            )
        )
    rejected, bound = of_system(~matched, live)
    return LabResults(
        species=tuple(sorted(found, key=lambda one: one.name)),
        bpcer=share(~accepted, live & answered),
        bpnrr=_some(share(~answered, live)),
        bona_fide=int(live.sum()),
        bona_fide_subjects=int(np.unique(subject[live]).size) if known else None,
        bpcer_matched=rejected,
        bpcer_matched_is_bound=bound,
        threshold=threshold,
        uncompared=int(lost.sum()),
    )


def _some(found: Interval | None) -> Interval:
    assert found is not None  # a species, the bona fide class and those that are lost have presentations
    return found


def _distinct(records: LabRecords, name: str, chosen: NDArray[np.bool_]) -> int | None:
    held = records.texts.get(name)
    return None if held is None else int(np.unique(held.codes[chosen & (held.codes >= 0)]).size)


def _by(
    records: LabRecords, name: str, chosen: NDArray[np.bool_], accepted: NDArray[np.bool_]
) -> dict[str, tuple[int, int]]:
    held = records.texts.get(name)
    if held is None:
        return {}
    found = {}
    for code in np.unique(held.codes[chosen & (held.codes >= 0)]):
        inside = chosen & (held.codes == code)
        found[held.names[int(code)]] = int((accepted & inside).sum()), int(inside.sum())
    return found


def _stopped(records: LabRecords, chosen: NDArray[np.bool_]) -> dict[str, int]:
    held = records.texts.get("mechanism")
    if held is None:
        return {}
    codes, counts = np.unique(held.codes[chosen], return_counts=True)
    return {
        held.names[int(code)] if code >= 0 else "not recorded": int(count)
        for code, count in zip(codes, counts, strict=True)
    }
