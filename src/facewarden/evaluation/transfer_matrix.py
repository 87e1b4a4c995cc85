"""Transfer: what attacks made with one detector's gradients do to others, which only need to give a score."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from facewarden.core.attack import Attack
from facewarden.core.compute.computing import computed_by
from facewarden.core.compute.device import device_of
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError
from facewarden.core.gradient_source import GradientSource
from facewarden.core.head_goal import check_head, goal_of, labeled
from facewarden.core.identity.given import labeled as by_label
from facewarden.core.identity.given import recorded, several
from facewarden.core.progress import track
from facewarden.core.resolve import DetectorLike, resolve_detector
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel
from facewarden.data.loading import iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.table import write_table
from facewarden.evaluation.attack_options import check_gradients, check_reach, check_reads
from facewarden.evaluation.decisions import decided_correctly, known_decisions, missing_classes
from facewarden.evaluation.lost_samples import LOST, check_lost
from facewarden.evaluation.scores import Scores, rows_of_split, score_manifest
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.metrics.pad import fit_rule

_AT_ONCE = 16
M = TypeVar("M")


@dataclass(frozen=True)
class Transferred:
    """A matrix of success rates.

    Attributes:
        rates: (surrogate, victim) -> success of the surrogate's attacks on the victim, over the samples that both
            decide correctly when clean; None where there is no such sample. A detector that is both is attacked with
            its own gradients.
        simulated: whether the captures are.
        out: the per-sample table, if one was asked for.
        skipped: reason -> how many captures could not be scored or attacked.
        computed: devices and precisions of the models.
        warnings: what a reader must know before any figure.
    """

    rates: dict[tuple[str, str], Interval | None]
    simulated: bool
    out: Path | None
    skipped: dict[str, int] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def names_of(names: M | Sequence[M], *, flag: str) -> tuple[M | str, ...]:
    """Several models, by name or themselves; one text with commas, as in the release before, is split.

    Args:
        names: different models.
        flag: whose they are, for messages.

    Raises:
        BadInputError: an empty name, or one given twice.
    """
    if isinstance(names, str):
        given: Sequence[M | str] = re.split(r",(?![^{]*\})", names)  # a comma inside settings separates no names
    else:
        given = several(names)
    found = tuple(one.strip() if isinstance(one, str) else one for one in given)
    told = [recorded(one) for one in found]
    if not all(told) or len(frozenset(told)) < len(told):
        raise BadInputError(f"{flag} {' '.join(told)}", hint=f"{flag} A B: different names")
    return found


def transfer(
    manifest: Manifest,
    *,
    surrogates: Sequence[DetectorLike],
    victims: Sequence[DetectorLike],
    attack: Attack,
    method: str,
    threat: ThreatModel,
    head: str | None = None,
    towards: int | None = None,
    reading: GradientSource | None = None,
    samples: int = 64,
    seed: int = 0,
    device: str | torch.device = "cpu",
    out: Path | None = None,
) -> Transferred:
    """Attack each surrogate on the same test captures and ask each victim what it decides of the results.

    Args:
        manifest: with dev rows (for every detector's threshold) and test rows (attacked).
        surrogates: detectors with gradients.
        victims: detectors of any kind, an ONNX file or a service among them.
        attack, method: the attack and its name.
        threat, reading, head: as in `facewarden attack`.
        towards: code of the class that the head is to name.
        samples: of each class at most.
        seed: of sample choice and random starts.
        device: where the models compute.
        out: per-sample table to write.

    Raises:
        BadInputError: a surrogate without gradients, a sensor that one of them does not read, or no capture left.
    """
    sources, victim_names = by_label(surrogates), by_label(victims)
    models = {name: resolve_detector(given, device=device) for name, given in {**sources, **victim_names}.items()}
    for name, model in models.items():
        check_reads(model, threat.modalities, what=name)
    for name in sources:
        check_gradients(method, attack, models[name], what=name)
        if head is not None and head != "live":
            check_head(models[name], head)
            check_reach(method, attack, head)
    rows = manifest.where(split=("dev", "test"))
    scores = {name: score_manifest(model, rows, label=f"scoring with {name}") for name, model in models.items()}
    thresholds = {name: _threshold(found) for name, found in scores.items()}
    wanted = tuple(dict.fromkeys(modality for model in models.values() for modality in model.modalities))
    # what one detector could not read or score is attacked by none, and is counted below
    scored = frozenset.intersection(*(frozenset(found.key.tolist()) for found in scores.values()))
    usable = replace(manifest, rows=tuple(sample for sample in manifest if sample.key in scored))
    picked = _picked(usable, samples=samples, seed=seed)
    targets = (head,) if head is not None and head not in ("live", *wanted) else ()
    batches = list(iter_batches(picked, _AT_ONCE, root=manifest.root, modalities=wanted, targets=targets))
    columns: dict[str, list[object]] = {name: [] for name in ("surrogate", "victim", "key", "label", "success")}
    rates: dict[tuple[str, str], Interval | None] = {}
    unlabeled: dict[str, int] = {}
    skipped: dict[str, int] = {}
    warnings: list[str] = []
    sampled = [sample.label for sample in picked]
    for source in sources:
        right_labels: dict[str, list[int]] = {name: [] for name in victim_names}
        hit_labels: dict[str, list[int]] = {name: [] for name in victim_names}
        hits: dict[str, list[bool]] = {name: [] for name in victim_names}
        lost: dict[str, list[str]] = {name: [] for name in victim_names}
        people: dict[str, list[str]] = {name: [] for name in victim_names}
        home = device_of(models[source])
        for held in track(
            batches, label=f"{method} with {source}", total=sum(map(len, batches)), unit="captures", size=len
        ):
            batch = held.to(home or held.device)
            there = labeled(models[source], batch, head=head)
            if not bool(there.all()):
                words = f"{unlabeled_words(head)} (of {source})"
                unlabeled[words] = unlabeled.get(words, 0) + int((~there).sum())
            wanted_rows = there & decided_correctly(models[source], batch, threshold=thresholds[source])
            if not bool(wanted_rows.any()):
                continue
            part = batch.select(wanted_rows)
            goal = (
                Evade(models[source], part, threshold=thresholds[source])
                if head is None
                else goal_of(models[source], part, head=head, threshold=thresholds[source], towards=towards)
            )
            made = attack(goal, threat, seed=seed, reading=reading)
            moved = part.with_images(made.images)
            missing = made.lost.cpu()
            assert part.subject is not None
            assert part.label is not None
            for name in victim_names:
                right = decided_correctly(models[name], part, threshold=thresholds[name]).cpu()
                right_labels[name] += part.label.cpu()[right].tolist()
                answered, stands = known_decisions(models[name], moved, threshold=thresholds[name])
                fell, known = ~stands, answered & ~missing
                lost[name] += [part.key[row] for row in torch.nonzero(right & ~known).flatten().tolist()]
                for row in torch.nonzero(right & known).flatten().tolist():
                    hits[name].append(bool(fell[row]))
                    people[name].append(part.subject[row])
                    hit_labels[name].append(int(part.label[row]))
                    entry = (source, name, part.key[row], int(part.label[row]), int(fell[row]))
                    for column, value in zip(columns.values(), entry, strict=True):
                        column.append(value)
        for name in victim_names:
            attacked = len(hits[name]) + len(lost[name])
            check_lost(lost[name], attacked=attacked, where=f"{method} with {source} on {name}")
            if lost[name]:
                skipped[f"{LOST} ({source} on {name})"] = len(lost[name])
            some = bool(hits[name])
            found = mean_by_subject(np.array(hits[name]), np.array(people[name]), seed=seed) if some else None
            rates[source, name] = found
            if some:
                told = missing_classes(sampled, right_labels[name], hit_labels[name])
                warnings += [f"{source} on {name}: {text}" for text in told]
    if out is not None:
        write_table(out, columns)
    for found_scores in scores.values():
        skipped.update(found_scores.skipped)
    computed = computed_by(models.values())
    return Transferred(rates, manifest.simulated, out, {**skipped, **unlabeled}, computed, tuple(warnings))


def unlabeled_words(head: str | None) -> str:
    """Why a sample was not attacked through a head."""
    return f"the truth of head {head!r} is unknown: not attacked, in no rate"


def _threshold(scores: Scores) -> float:
    dev = rows_of_split(scores, "dev")
    return fit_rule(dev.score, dev.label, split="dev", species=dev.species, source=scores.source).threshold


def _picked(manifest: Manifest, *, samples: int, seed: int) -> list[Sample]:
    test = manifest.where(split="test")
    chosen: list[Sample] = []
    for label in (1, 0):
        rows = [sample for sample in test if sample.label == label]
        order = np.random.default_rng(derive(seed, "transfer", label)).permutation(len(rows))
        chosen += [rows[i] for i in sorted(order[:samples].tolist())]
    return chosen
