"""Results of a test by PAI species and series: APCER, APNRR, IAPAR, and what caught the attacks; never averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
        iapar: share that passes the detector and matches the target; None without a recognizer. What the detector
            rejects needs no comparison.
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
            a recognizer.
        threshold: accept iff score >= threshold.
        uncompared: presentations that pass the detector and have no comparison; they are in no rate of the full system.
    """

    species: tuple[SpeciesResult, ...]
    bpcer: Interval | None
    bpnrr: Interval
    bona_fide: int
    bona_fide_subjects: int | None
    bpcer_matched: Interval | None
    threshold: float
    uncompared: int = 0


def lab_results(records: LabRecords, *, threshold: float) -> LabResults:
    """Measure a test at a threshold.

    Args:
        records: of its presentations, without those that were excluded.
        threshold: accept iff score >= threshold.
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

    matched, decided = None, ~answered
    if records.matched is not None:
        matched = accepted & (records.matched == 1)
        decided = answered & (np.isfinite(records.matched) | ~accepted)  # a recognizer behind it sees what passes alone

    found = []
    for code in np.unique(rows.species.codes[~live]):
        chosen = rows.species.codes == code
        passed = accepted & chosen & answered
        rate = share(accepted, chosen & answered)
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
                iapar=None if matched is None else share(matched, chosen & decided),
                by_series=_by(records, "series", chosen & answered, accepted),
                by_attempt=_by(records, "attempt", chosen & answered, accepted),
                mechanisms=_stopped(records, chosen & answered & ~accepted),
            )
        )
    return LabResults(
        species=tuple(sorted(found, key=lambda one: one.name)),
        bpcer=share(~accepted, live & answered),
        bpnrr=_some(share(~answered, live)),
        bona_fide=int(live.sum()),
        bona_fide_subjects=int(np.unique(subject[live]).size) if known else None,
        bpcer_matched=None if matched is None else share(~matched, live & decided),
        threshold=threshold,
        uncompared=0 if matched is None else int((accepted & ~decided).sum()),
    )


def _some(found: Interval | None) -> Interval:
    assert found is not None  # a species, and the bona fide class, have presentations
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
