"""Detector and recognizer as one system: which presentations match the person whose face they show.

The bona fide captures of a subject enroll it: the mean of the unit vectors of up to three of them is its reference.
The other presentations that show this subject, attacks above all, are compared with it. An attack counts in the IAPAR
when the detector takes it for bona fide *and* it matches its target (ISO/IEC 30107-3, full system). The threshold of
the recognizer is set on other people, those of the development split, at a false match rate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.text import counted_reasons
from facewarden.evaluation.full_system.rule import MatchRule
from facewarden.evaluation.full_system.vectors import CaptureVectors, capture_vectors
from facewarden.metrics.match import far_threshold

ENROLLED = 3
"""Bona fide captures of a subject that make its reference, at most."""
FMR = 0.001
"""False match rate on the development split at which the threshold of the recognizer is set."""
NO_REFERENCE = "no bona fide capture of its subject"


@dataclass(frozen=True)
class CaptureMatches:
    """Comparisons of the test captures.

    Attributes:
        rule: the threshold of the recognizer.
        cosine: key -> similarity with the reference of the subject that it shows.
        enrolled: subjects of the test split with a reference.
        left_out: reason -> how many test captures were not compared; those that enroll are not among them.
    """

    rule: MatchRule
    cosine: Mapping[str, float]
    enrolled: int
    left_out: Mapping[str, int]

    def of(self, keys: Sequence[str]) -> NDArray[np.float64]:
        """Similarities of some captures, NaN where one was not compared."""
        return np.array([self.cosine.get(key, np.nan) for key in keys], np.float64)


def match_captures(recognizer: Recognizer, manifest: Manifest, *, workers: int = 1) -> CaptureMatches:
    """Enroll subjects, set the threshold on the development split and compare the test captures.

    Args:
        recognizer: that compares.
        manifest: with the splits dev and test; an attack's subject is the one whose face it shows.
        workers: processes that read captures, all cores when 0; no figure depends on it.

    Raises:
        BadInputError: no attack of the test split shows a subject with a reference, or there is no threshold: too few
            subjects on dev, and none in the card.
        MissingAssetError: faces must be found, and the face finder is not in the cache.
    """
    dev, test = manifest.where(split="dev", label=1), manifest.where(split="test")
    targets = {row.subject for row in test if not row.bona_fide} & {row.subject for row in test if row.bona_fide}
    if not targets:
        raise BadInputError(
            f"{manifest.name}: no attack of the test split shows a subject who has a bona fide capture there",
            hint="name the shown person in the column subject, for bona fide captures and attacks alike",
        )
    wanted = Manifest((*dev, *test), root=manifest.root, name=manifest.name)
    vectors = capture_vectors(recognizer, wanted, workers=workers)
    rule = _rule(recognizer, dev.rows, vectors)
    references, used = enroll(test.rows, vectors)
    cosine: dict[str, float] = {}
    left_out: Counter[str] = Counter()
    for row in test:
        if row.key in used:
            continue
        if row.key in vectors.left_out:
            left_out[vectors.left_out[row.key]] += 1
        elif row.subject not in references:
            left_out[NO_REFERENCE] += 1
        else:
            cosine[row.key] = float(references[row.subject] @ vectors.of[row.key])
    if not any(row.key in cosine for row in test if not row.bona_fide):
        raise BadInputError(
            f"{manifest.name}: no attack of the test split could be compared: {counted_reasons(left_out)}",
            hint="facewarden data boxes shows which faces are found",
        )
    return CaptureMatches(rule, cosine, len(references), dict(left_out))


def enroll(rows: Sequence[Sample], vectors: CaptureVectors) -> tuple[dict[str, NDArray[np.float64]], frozenset[str]]:
    """Make a reference of each subject from its bona fide captures, and leave one of several as a probe.

    Args:
        rows: captures of a split.
        vectors: of them.

    Returns:
        Subject -> unit vector, and the keys of the captures that were used.
    """
    by_subject: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row.key):
        if row.bona_fide and row.key in vectors.of:
            by_subject.setdefault(row.subject, []).append(row.key)
    references, used = {}, set()
    for subject, keys in by_subject.items():
        chosen = keys[: max(1, min(ENROLLED, len(keys) - 1))]
        mean = np.mean([vectors.of[key] for key in chosen], axis=0)
        references[subject] = mean / max(float(np.linalg.norm(mean)), 1e-12)
        used.update(chosen)
    return references, frozenset(used)


def _rule(recognizer: Recognizer, rows: Sequence[Sample], vectors: CaptureVectors) -> MatchRule:
    """The threshold at which at most one of 1,000 comparisons of two people matches; else the one of the card."""
    name, card = recognizer.card.name, recognizer.card.match_threshold
    references, used = enroll(rows, vectors)
    probes = [row for row in rows if row.key in vectors.of]
    if len(references) > 1:
        similar = np.stack([vectors.of[row.key] for row in probes]) @ np.stack(list(references.values())).T
        same = np.array([row.subject for row in probes])[:, None] == np.array(list(references))[None, :]
        # a capture that enrolls its own subject is an ordinary impostor to everybody else
        fresh = np.array([row.key not in used for row in probes])[:, None]
        genuine, impostor = similar[same & fresh], similar[~same]
        if genuine.size:
            value = far_threshold(genuine, impostor, far=FMR)
            few = ", so few that none of them matches" if impostor.size * FMR < 1 else ""
            where = f"set on {impostor.size} comparisons of two people of {len(references)} of the development split"
            rendered = any(row.simulated for row in probes)
            return MatchRule(value, f"fmr={FMR:g}", where + few, name, genuine.size, impostor.size, rendered)
    if card is None:
        raise BadInputError(
            f"{name} has no threshold: the development split has bona fide captures of {len(references)} subjects, "
            "too few to set one, and its card states none",
            hint="match_threshold in its card, or bona fide captures of two subjects at least, two of each",
        )
    return MatchRule(card, "card", "as its card states", name)
