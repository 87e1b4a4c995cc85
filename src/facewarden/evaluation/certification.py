"""Certified error rates of a detector on captures, beside what they must be read with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, Modality
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.evaluation.noisy_copies import noisy_scores
from facewarden.metrics.certified import Certificates, certified_rates, certify_votes
from facewarden.metrics.checked import Array, Floats
from facewarden.metrics.intervals import Interval, mean_by_subject

SELECTION = 20
"""Copies that choose the class whose votes are then counted on other copies."""


@dataclass(frozen=True)
class Smoothing:
    """How a detector is smoothed.

    Attributes:
        sigma: standard deviation of the noise, in units of the image ([0, 1] a channel).
        copies: noisy copies whose votes are counted.
        alpha: chance that one certificate is wrong.
        bpcer: BPCER of the smoothed detector on dev captures, at which its threshold is set.
        modalities: sensors that have noise: those that an attacker reaches.
        seed: of the noise and of the choice of captures.
        batch: copies scored at once.
    """

    sigma: float = 0.25
    copies: int = 100
    alpha: float = 0.001
    bpcer: float = 0.05
    modalities: tuple[Modality, ...] = ("rgb",)
    seed: int = 0
    batch: int = 32


@dataclass(frozen=True, eq=False)
class Certification:
    """What is proven of a detector; arrays are `(n,)`, one entry for each test capture.

    Attributes:
        rule: threshold of the smoothed score (the median of the copies), from dev captures.
        key, label, species, subject: of the captures.
        median: smoothed score.
        found: certificates.
        sizes: height and width of the frames that were certified, most frequent first.
        unsmoothed: APCER and BPCER of the detector itself, its threshold at the same BPCER on dev.
        skipped: reason -> how many captures could not be certified.
        simulated: whether any capture is.
    """

    rule: DecisionRule
    key: Array
    label: Array
    species: Array
    subject: Array
    median: Floats
    found: Certificates
    sizes: tuple[tuple[int, int], ...]
    unsmoothed: tuple[Interval, Interval]
    simulated: bool
    skipped: dict[str, int] = field(default_factory=dict)

    def rates(self, radii: Sequence[float], *, label: int, species: str | None = None) -> list[Interval]:
        """Certified APCER (label 0, of one species or of all) or BPCER (label 1) at each radius."""
        keep = np.ones(len(self.key), bool) if species is None else (self.label == 1) | (self.species == species)
        found = Certificates(self.found.bona_fide[keep], self.found.radius[keep], self.found.abstains[keep])
        return certified_rates(found, self.label[keep], self.subject[keep].tolist(), label=label, radii=radii)

    def abstentions(self, *, label: int) -> Interval:
        """Share of a class of which the votes prove nothing."""
        rows = self.label == label
        return mean_by_subject(self.found.abstains[rows].astype(np.float64), self.subject[rows], seed=0)


def linf_radius(gray_levels: float, size: tuple[int, int], *, modalities: Sequence[Modality]) -> float:
    """Euclidean length of the largest change within a budget of gray levels a value.

    >>> round(linf_radius(2.0, (112, 112), modalities=("rgb",)), 2)
    1.52
    """
    values = size[0] * size[1] * sum(CHANNELS[name] for name in modalities)
    return gray_levels / 255 * math.sqrt(values)


def certify_detector(
    detector: Detector, manifest: Manifest, settings: Smoothing, *, samples: int = 64
) -> Certification:
    """Certify the decisions of a smoothed detector on test captures.

    Args:
        detector: anything that scores; no gradients are needed.
        manifest: with dev rows (for the threshold) and test rows of both classes.
        settings: of the noise.
        samples: captures of each class and split at most, drawn by seed.

    Raises:
        BadInputError: a split without a class, or a detector without the sensors.
    """
    skipped: list[Skipped] = []
    dev = _scored(detector, manifest, "dev", settings, samples=samples, skipped=skipped)
    test = _scored(detector, manifest, "test", settings, samples=samples, skipped=skipped)
    rule = bpcer_rule(dev.median, dev.label, bpcer=settings.bpcer, source=manifest.name)
    plain = bpcer_rule(dev.plain, dev.label, bpcer=settings.bpcer, source=manifest.name)
    accepted = test.copies >= rule.threshold
    selected = accepted[:, :SELECTION].mean(axis=1) >= 0.5
    votes = (accepted[:, SELECTION:] == selected[:, None]).sum(axis=1)
    found = certify_votes(selected, votes, copies=settings.copies, sigma=settings.sigma, alpha=settings.alpha)
    reasons: dict[str, int] = {}
    for item in skipped:
        reasons[item.reason] = reasons.get(item.reason, 0) + 1
    wrong = (test.plain >= plain.threshold) != (test.label == 1)
    attacks = test.label == 0
    return Certification(
        rule=rule,
        key=test.key,
        label=test.label,
        species=test.species,
        subject=test.subject,
        median=test.median,
        found=found,
        sizes=test.sizes,
        unsmoothed=(
            mean_by_subject(wrong[attacks].astype(np.float64), test.subject[attacks], seed=settings.seed),
            mean_by_subject(wrong[~attacks].astype(np.float64), test.subject[~attacks], seed=settings.seed),
        ),
        simulated=manifest.simulated,
        skipped=reasons,
    )


def bpcer_rule(scores: Floats, labels: Array, *, bpcer: float, source: str) -> DecisionRule:
    """The highest threshold at which at most a share of the dev bona fide captures is rejected.

    Raises:
        BadInputError: a share outside [0, 1), or a class without rows.
    """
    if not 0 <= bpcer < 1:
        raise BadInputError(f"a BPCER of {bpcer}", hint="--bpcer 0.05")
    values, genuine = np.asarray(scores, np.float64), np.asarray(labels) == 1
    bona_fide = np.sort(values[genuine])
    lost = math.floor(bpcer * len(bona_fide) + 1e-9)
    threshold = float(bona_fide[lost]) if len(bona_fide) else 0.0  # which the rule refuses without rows
    return DecisionRule(threshold, f"bpcer={bpcer:g}", "dev", source, len(bona_fide), int((~genuine).sum()))


@dataclass(frozen=True, eq=False)
class _Scored:
    key: Array
    label: Array
    species: Array
    subject: Array
    plain: Floats
    copies: Floats
    sizes: tuple[tuple[int, int], ...]

    @property
    def median(self) -> Floats:
        return np.asarray(np.median(self.copies, axis=1))


def _scored(
    detector: Detector, manifest: Manifest, split: str, settings: Smoothing, *, samples: int, skipped: list[Skipped]
) -> _Scored:
    """Scores of a split: without noise, and of the copies, those that select first."""
    rows = _drawn(manifest.where(split=split), count=samples, seed=settings.seed, where=f"{manifest.name}, {split}")
    known = {sample.key: sample for sample in rows}
    kept: list[Sample] = []
    plain: list[float] = []
    copies: list[Floats] = []
    sizes: dict[tuple[int, int], int] = {}
    batches = iter_batches(
        rows, 1, root=manifest.root, modalities=detector.modalities, on_error="skip", skipped=skipped,
        squash=detector.squash,
    )  # fmt: skip
    for one in track(batches, label=f"certifying {split}", total=len(rows), unit="captures", size=len):
        ask = {"sigma": settings.sigma, "seed": settings.seed, "batch": settings.batch}
        votes = np.concatenate([
            noisy_scores(detector, one, copies=count, modalities=settings.modalities, purpose=purpose, **ask)  # type: ignore[arg-type]
            for purpose, count in (("select", SELECTION), ("vote", settings.copies))
        ])  # fmt: skip
        clean = noisy_scores(
            detector, one, copies=1, sigma=0.0, modalities=(), purpose="clean", seed=settings.seed, batch=1
        )
        if not (np.isfinite(votes).all() and np.isfinite(clean).all()):
            skipped.append(Skipped(one.key[0], "", "a copy has a score that is NaN or infinite"))
            continue
        kept.append(known[one.key[0]])
        plain.append(float(clean[0]))
        copies.append(votes)
        height, width = one.images[settings.modalities[0]].shape[-2:]
        sizes[int(height), int(width)] = sizes.get((int(height), int(width)), 0) + 1
    if {sample.label for sample in kept} != {0, 1}:
        raise BadInputError(
            f"{manifest.name}: split {split} has no {'attack' if kept and kept[0].label else 'bona fide'} capture that "
            "could be certified",
            hint="facewarden data check MANIFEST",
        )
    return _Scored(
        key=np.array([sample.key for sample in kept]),
        label=np.array([sample.label for sample in kept]),
        species=np.array([sample.species for sample in kept]),
        subject=np.array([sample.subject for sample in kept]),
        plain=np.array(plain),
        copies=np.stack(copies),
        sizes=tuple(sorted(sizes, key=lambda size: -sizes[size])),
    )


def _drawn(rows: Manifest, *, count: int, seed: int, where: str) -> list[Sample]:
    """Up to `count` captures of each class, subjects mixed by seed, in the order of the manifest."""
    chosen: set[str] = set()
    for label in (1, 0):
        of_class = [sample.key for sample in rows if sample.label == label]
        if not of_class:
            raise BadInputError(
                f"{where}: no {('attack', 'bona fide')[label]} capture",
                hint="the threshold is set on dev and measured on test, each with bona fide and attack rows",
            )
        order = np.random.default_rng(derive(seed, "certify", label)).permutation(len(of_class))
        chosen |= {of_class[i] for i in order[:count].tolist()}
    return [sample for sample in rows if sample.key in chosen]
