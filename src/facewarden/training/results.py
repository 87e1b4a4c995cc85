"""What a trained detector is worth on captures that it never saw: its threshold, and error rates with intervals."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.compute.finite import NO_SCORE, scores_of
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.metrics.pad import fit_rule
from facewarden.metrics.summary import NamedInterval, presentation_summary

_LOG = logging.getLogger("facewarden")
_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class ScoredSplit:
    """Scores of one split; every column is `(n,)`."""

    score: NDArray[np.float64]
    label: NDArray[np.int64]
    species: NDArray[Any]
    subject: NDArray[Any]
    domain: NDArray[Any]

    def metrics(self, rule: DecisionRule, *, seed: int) -> list[NamedInterval]:
        """All error rates at a threshold set elsewhere."""
        return presentation_summary(
            self.score, self.label, species=self.species, subjects=self.subject, rule=rule, seed=seed
        )

    def of_domain(self, domain: str) -> ScoredSplit:
        """The rows of one domain."""
        rows = self.domain == domain
        return ScoredSplit(
            self.score[rows], self.label[rows], self.species[rows], self.subject[rows], self.domain[rows]
        )


def score_split(detector: Detector, manifest: Manifest, *, modalities: Sequence[Modality] = MODALITIES) -> ScoredSplit:
    """Score every readable capture of a manifest, from some of its sensors.

    Raises:
        BadInputError: nothing can be read.
    """
    skipped: list[Skipped] = []
    found: list[tuple[Any, ...]] = []
    lost: list[str] = []
    batches = iter_batches(
        manifest, _AT_ONCE, root=manifest.root, modalities=modalities, on_error="skip", skipped=skipped,
        squash=detector.squash,
    )  # fmt: skip
    for batch in track(batches, label="measuring", total=len(manifest), unit="captures", size=len):
        scores = scores_of(detector, batch).tolist()
        labels = [] if batch.label is None else batch.label.tolist()
        rows = zip(scores, labels, batch.species or (), batch.subject or (), batch.domain or (), strict=True)
        for key, row in zip(batch.key, rows, strict=True):
            if math.isfinite(row[0]):
                found.append(row)
            else:
                lost.append(key)
    if lost:
        named = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        _LOG.warning("%s: %d captures are in no rate, %s: %s", manifest.name, len(lost), NO_SCORE, named)
    if not found:
        raise BadInputError(f"{manifest.name}: nothing to measure on", hint="facewarden data check")
    score, label, species, subject, domain = zip(*found, strict=True)
    return ScoredSplit(
        np.array(score, np.float64), np.array(label, np.int64), np.array(species), np.array(subject), np.array(domain)
    )


def dev_rule(detector: Detector, manifest: Manifest, *, policy: str) -> DecisionRule:
    """Set the threshold on the development split."""
    dev = score_split(detector, manifest.where(split="dev"))
    return fit_rule(
        dev.score, dev.label, policy=policy, split="dev", species=dev.species,
        source=manifest.name, simulated=manifest.simulated,
    )  # fmt: skip


def measure(detector: Detector, manifest: Manifest, *, rule: DecisionRule, seed: int) -> dict[str, Any]:
    """Error rates on the test split, with all sensors, by domain, and with every single sensor.

    Returns:
        JSON values: `all`, `by_domain` where a domain has both classes, `by_modality`, each a list of metrics with
        `simulated`. The threshold was set
        with all sensors; single sensors, where the detector can do with one, are judged at it too, and by rates that
        need no threshold.
    """
    test = manifest.where(split="test")
    simulated = manifest.simulated

    def listed(scored: ScoredSplit) -> list[dict[str, Any]]:
        return [{**asdict(metric), "simulated": simulated} for metric in scored.metrics(rule, seed=seed)]

    scored = score_split(detector, test)
    single: dict[str, Any] = {}
    for name in detector.modalities if len(detector.modalities) > 1 else ():
        enough = set(detector.modalities) - {name} <= set(detector.optional)
        if enough and all(sample.path(name) is not None for sample in test):
            single[name] = listed(score_split(detector, test, modalities=[name]))
    parts = {name: scored.of_domain(name) for name in test.domains}
    whole = {name: part for name, part in parts.items() if len(set(part.label.tolist())) == 2}
    domains = {name: listed(part) for name, part in whole.items()}
    for lacking in parts.keys() - whole.keys():
        _LOG.warning("domain %s has no presentations of both classes in the test split: no figures of its own", lacking)
    return {"simulated": simulated, "all": listed(scored), "by_domain": domains, "by_modality": single}


def sentence(results: dict[str, Any]) -> str:
    """The main figures in words, for a card."""
    wanted = {"auc": "AUC", "eer": "EER", "bpcer": "BPCER", "apcer_worst_species": "worst-species APCER"}
    found = {metric["name"]: metric for metric in results["all"]}
    parts = []
    for name, title in wanted.items():
        if name in found:
            value, low, high, n = (found[name][part] for part in ("value", "low", "high", "n"))
            parts.append(f"{title} {value:.3f} [{low:.3f}, {high:.3f}] (n={n})")
    kind = "simulated " if results["simulated"] else ""
    return f"On held-out {kind}subjects, 95 % intervals: {', '.join(parts)}."
