"""Attacks on a detector over a manifest: per-sample success at a threshold set on development rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from facewarden.bench.perturbation import Cell, Vulnerability, attack_cell, choose_samples, correct_batches
from facewarden.bench.resolve import resolve_detector
from facewarden.bench.scoring import rows_of_split, score_manifest
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.registry import load
from facewarden.core.seeding import checked_seed
from facewarden.core.threat import ThreatModel
from facewarden.data.captures import open_captures
from facewarden.data.loading import iter_batches
from facewarden.data.table import check_target, write_table
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.metrics.pad import fit_rule


@dataclass(frozen=True)
class Attacked:
    """What an attack reached.

    Attributes:
        rates: "pooled", "attack_as_bona_fide", "bona_fide_as_attack" -> success rate with its interval.
        gradient_calls: gradients taken per sample.
        simulated: whether the captures are.
        out: the per-sample table, if one was asked for.
        skipped: reason -> how many captures could not be scored.
    """

    rates: dict[str, Interval]
    gradient_calls: int
    simulated: bool
    out: Path | None
    skipped: dict[str, int] = field(default_factory=dict)


def attack(
    captures: Path,
    /,
    *,
    detector: str = "multi_cnn",
    surrogate: str | None = None,
    method: str = "pgd",
    eps: float = 8.0,
    norm: Literal["linf", "l2"] = "linf",
    modalities: tuple[Modality, ...] = ("rgb",),
    samples: int = 64,
    seed: int = 0,
    out: Path | None = None,
) -> Attacked:
    """Attack a detector's decision on test captures that it decides correctly.

    Args:
        captures: manifest with dev rows (for the threshold) and test rows (attacked).
        detector: the victim.
        surrogate: detector whose gradients are read instead of the victim's.
        method: an entry of facewarden list attacks, with its defaults.
        eps: budget in gray levels (of 255) for linf; in [0, 1] pixel units over the image for l2.
        norm: linf or l2.
        modalities: sensors whose pixels the attacker reaches.
        samples: how many of each class at most.
        seed: of sample choice and random starts.
        out: per-sample table to write, .parquet or .csv.

    Raises:
        BadInputError: a setting outside its range, before anything is scored; or captures that cannot be used.
    """
    checked_seed(seed)
    if samples < 1:
        raise BadInputError(f"{samples} samples of each class", hint="--samples 1 or more")
    if norm == "linf" and not 0 <= eps <= 255:
        raise BadInputError(f"a budget of {eps:g} gray levels", hint="--eps between 0 and 255, usually 8")
    threat = ThreatModel(norm=norm, eps=eps / 255 if norm == "linf" else eps, modalities=modalities)
    attacker = load("attacks", method)()
    if out is not None:
        check_target(out)
    manifest = open_captures(captures)
    victim = resolve_detector(detector)
    source = victim if surrogate is None else resolve_detector(surrogate)
    scores = score_manifest(victim, manifest.where(split=("dev", "test")))
    dev, test = rows_of_split(scores, "dev"), rows_of_split(scores, "test")
    rule = fit_rule(dev.score, dev.label, split="dev", species=dev.species, source=manifest.name)
    source_rule = rule
    if source is not victim:
        other = rows_of_split(score_manifest(source, manifest.where(split="dev")), "dev")
        source_rule = fit_rule(other.score, other.label, split="dev", species=other.species, source=manifest.name)
    rows = choose_samples(
        test.score.tolist(),
        test.label.tolist(),
        threshold=rule.threshold,
        subjects=test.subject.tolist(),
        per_class=samples,
        seed=seed,
    )
    chosen = set(test.key[rows].tolist())
    wanted = tuple(dict.fromkeys((*victim.modalities, *source.modalities)))
    picked = [sample for sample in manifest.where(split="test") if sample.key in chosen]
    batches = correct_batches(
        list(iter_batches(picked, 16, root=manifest.root, modalities=wanted)), victim, threshold=rule.threshold
    )
    if not batches:
        raise BadInputError(
            f"{captures}: no test capture is decided correctly", hint="facewarden evaluate presentation"
        )
    setting = Vulnerability(victim, source, rule.threshold, source_rule.threshold, batches, seed)
    found = attack_cell(setting, Cell(method, attacker, threat))
    if out is not None:
        write_table(out, {name: found[name] for name in ("key", "label", "species", "subject", "success")})
    return Attacked(_rates(found, seed), found["gradient_calls"], manifest.simulated, out, dict(scores.skipped))


def _rates(found: dict[str, Any], seed: int) -> dict[str, Interval]:
    success, label, subject = (np.array(found[name]) for name in ("success", "label", "subject"))
    masks = {"pooled": label >= 0, "attack_as_bona_fide": label == 0, "bona_fide_as_attack": label == 1}
    return {
        name: mean_by_subject(success[mask], subject[mask], seed=seed) for name, mask in masks.items() if mask.any()
    }
