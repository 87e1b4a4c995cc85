"""Attacks on a detector over a manifest: per-sample success at a threshold set on development rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.device import resolve_device
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.gradient_source import GradientSource
from facewarden.core.guards.lock import hold, locking
from facewarden.core.head_goal import check_head, class_code
from facewarden.core.identity.given import PathLike, maybe_path, name_of, path_of, several
from facewarden.core.labels import Modality
from facewarden.core.resolve import DetectorLike, PurifierLike, resolve_detector, resolve_purifier
from facewarden.core.roles import Detector
from facewarden.core.seeding import checked_seed
from facewarden.core.settings.budget import read_budget
from facewarden.core.threat import ThreatModel
from facewarden.data.captures import open_captures
from facewarden.data.loading import iter_batches
from facewarden.data.manifest import check_results_target
from facewarden.data.results import RowsResult, rows_as_columns
from facewarden.data.table import write_table
from facewarden.evaluation.attack_options import (
    AttackLike,
    build_attack,
    check_gradients,
    check_reach,
    check_reads,
    parse_options,
)
from facewarden.evaluation.attack_pictures import picture_writer
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, attack_cell, choose_samples
from facewarden.evaluation.decisions import DIRECTIONS, correct_batches, held_sensors, missing_classes
from facewarden.evaluation.lost_samples import LOST, check_lost
from facewarden.evaluation.scores import rows_of_split, score_manifest
from facewarden.evaluation.transfer_matrix import Transferred, names_of, transfer, unlabeled_words
from facewarden.evaluation.verdicts.default_detector import choose_detector
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.metrics.pad import fit_rule
from facewarden.nn.gradient_sources.averaged import AveragedReading
from facewarden.nn.gradient_sources.generator_pair import GeneratorPair, other_detector
from facewarden.nn.gradient_sources.sfa_offset import Route, Schedule, SfaOffset
from facewarden.verbs.own.folders import folder_paths, given_captures, photo_gate


@dataclass(frozen=True, repr=False)
class Attacked(RowsResult):
    """What an attack reached.

    Attributes:
        rates: "pooled", "attack_as_bona_fide", "bona_fide_as_attack" -> success rate with its interval; of one class
            alone nothing is pooled.
        gradient_calls: gradients taken per sample.
        simulated: whether the captures are.
        out: the per-sample table, if one was asked for.
        skipped: reason -> how many captures could not be scored or attacked.
        computed: device and precision of the models.
        warnings: what a reader must know before any figure.
    """

    rates: dict[str, Interval]
    gradient_calls: int
    simulated: bool
    out: Path | None
    skipped: dict[str, int] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """One row for each rate: value, bounds, count and method."""
        return rows_as_columns([{"rate": name, **asdict(rate)} for name, rate in self.rates.items()])


@computes
@locking
def attack(
    captures: PathLike | None = None,
    /,
    *,
    bona_fide: PathLike | Sequence[PathLike] = (),
    attacks: PathLike | Sequence[PathLike] = (),
    mapping: PathLike | None = None,
    subject: str = "auto",
    quality: str = "off",
    detector: DetectorLike = "auto",
    surrogate: DetectorLike | None = None,
    surrogates: DetectorLike | Sequence[DetectorLike] | None = None,
    victims: DetectorLike | Sequence[DetectorLike] | None = None,
    method: AttackLike = "pgd",
    set: str | Sequence[str] = (),
    head: str | None = None,
    towards: str | None = None,
    eps: float | str | None = None,
    norm: Literal["linf", "l2"] = "linf",
    modalities: Modality | Sequence[Modality] = ("rgb",),
    sfa: PathLike | None = None,
    offset: Schedule | None = None,
    route: Route | None = None,
    average: int = 1,
    through: PurifierLike | Sequence[PurifierLike] | None = None,
    samples: int = 64,
    seed: int = 0,
    device: str = "auto",
    precision: Precision | None = None,
    out: PathLike | None = None,
    pictures: PathLike | None = None,
) -> Attacked | Transferred:
    """Attack a detector's decision on test captures that it decides correctly.

    Args:
        captures: manifest with dev rows (for the threshold) and test rows (attacked).
        bona_fide, attacks: instead of captures, folders of photos of each class; faces are found where the detector
            needs them, and the split by subject is written to runs/own.
        mapping, subject: how these folders are read, as in `data_from_folders`.
        quality: refuse makes a non-response of photos of these folders that are small, blurred, turned away, covered or
            show several faces, with limits in braces; off does not look.
        detector: the victim; auto takes `color_cnn` where there is color alone, and `multi_cnn` elsewhere.
        surrogate: detector whose gradients are read instead of the victim's.
        surrogates: several detectors; with victims, the matrix of what each one's attacks do to each victim.
        victims: the detectors of that matrix; anything that gives a score. Default: the surrogates.
        method: an entry of facewarden list attacks, or an attack itself.
        set: options of the method, as in `--set steps=20 --set restarts=2`; the others keep their defaults.
        head: head of a multitask detector whose loss is climbed; success stays the decision.
        towards: class that the head is to name, as in `--head spoof_type --towards live`; without it the attack moves
            away from the truth.
        eps: budget in gray levels (of 255) for linf, 8 by default; for l2, which has no default, in [0, 1] pixel units
            over the image.
        norm: linf or l2.
        modalities: sensors whose pixels the attacker reaches.
        sfa: generators that `facewarden sfa` has trained; gradients are then read where they say.
        offset: when SFA's offset is used: first, decay (the default), fixed, refresh, random or none.
        route: own (the default) adds the map of the image's own class, contrast subtracts it.
        average: read each gradient at so many points within eps and average; counts as so many gradients.
        through: purifiers through which gradients are averaged (expectation over transformation).
        samples: how many of each class at most.
        seed: of sample choice and random starts.
        device: where the models compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what networks compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each model say, float32 for most.
        out: per-sample table to write, .parquet or .csv.
        pictures: folder for a PNG of each sample and sensor: clean, attacked, and the change stretched to the budget.
            They show faces; keep them where the faces may be kept. Not with a matrix.

    Raises:
        BadInputError: a setting outside its range, before anything is scored; or captures that cannot be used.
    """
    out, pictures = maybe_path(out), maybe_path(pictures)
    modalities, named = several(modalities), name_of(method)
    checked_seed(seed)
    if samples < 1:
        raise BadInputError(f"{samples} samples of each class", hint="--samples 1 or more")
    budget = read_budget(eps, norm=norm)
    threat = ThreatModel(norm=norm, eps=budget / 255 if norm == "linf" else budget, modalities=modalities)
    attacker = build_attack(method, parse_options(several(set)))
    aim = None if towards is None else class_code(head or "live", towards)
    if out is not None:
        check_results_target(out)
    if pictures is not None:
        hold(pictures)
    home = resolve_device(device)
    reading = _reading(maybe_path(sfa), offset=offset, route=route, average=average, through=through, device=home)
    matrix = surrogates is not None or victims is not None
    if not matrix:
        folders = bool(folder_paths(bona_fide) or folder_paths(attacks))
        detector = choose_detector(detector, captures, photos=folders).detector
    victim = None if matrix else resolve_detector(detector)
    read = given_captures(captures, [] if victim is None else [victim], bona_fide=bona_fide, attacks=attacks,
                          mapping=mapping, subject=subject, seed=seed, boxes=matrix,
                          gate=photo_gate(quality, folders=(bona_fide, attacks)))  # fmt: skip
    if read is None:
        raise BadInputError("no captures to attack", hint="a manifest, or --bona-fide DIR --attacks DIR")
    captures, manifest = read, open_captures(read)
    if surrogates is not None or victims is not None:
        if surrogate is not None or surrogates is None:
            raise BadInputError("a matrix needs --surrogates", hint="--surrogates A B --victims C D")
        if pictures is not None:
            raise BadInputError("a matrix has no pictures", hint="--pictures with one --detector")
        return transfer(
            manifest,
            surrogates=names_of(surrogates, flag="--surrogates"),
            victims=names_of(surrogates if victims is None else victims, flag="--victims"),
            attack=attacker,
            method=named,
            threat=threat,
            head=head,
            towards=aim,
            reading=reading,
            samples=samples,
            seed=seed,
            device=device,
            out=out,
        )
    assert victim is not None
    source = victim if surrogate is None else resolve_detector(surrogate)
    check_attackable(source, method=named, attacker=attacker, modalities=modalities, head=head,
                     name=name_of(detector if surrogate is None else surrogate))  # fmt: skip
    check_reads(victim, modalities, what=name_of(detector))
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
    chosen = frozenset(test.key[rows].tolist())
    wanted = tuple(dict.fromkeys((*victim.modalities, *source.modalities)))
    picked = [sample for sample in manifest.where(split="test") if sample.key in chosen]
    targets = (head,) if head is not None and head not in ("live", *wanted) else ()
    batches = correct_batches(
        list(iter_batches(picked, 16, root=manifest.root, modalities=wanted, targets=targets)),
        victim,
        threshold=rule.threshold,
    )
    if not batches:
        raise BadInputError(
            f"{captures}: no test capture is decided correctly", hint="facewarden evaluate presentation"
        )
    lacking = [name for name in modalities if name not in held_sensors(batches)]
    if lacking:
        raise BadInputError(
            f"{captures}: not every attacked capture has {lacking[0]}",
            hint="--modalities with sensors that all captures have",
        )
    setting = AttackSetup(
        victim,
        source,
        rule.threshold,
        source_rule.threshold,
        batches,
        seed,
        head=head,
        towards=aim,
        reading=reading,
        shown=None if pictures is None else picture_writer(pictures, threat),
    )
    found = attack_cell(setting, AttackRun(named, attacker, threat))
    check_lost(found["lost"], attacked=len(found["key"]) + len(found["lost"]), where=f"{named} on {captures}")
    if not found["key"]:
        raise BadInputError(f"{captures}: no sample has the truth of head {head!r}", hint="--head live")
    if out is not None:
        write_table(out, {name: found[name] for name in ("key", "label", "species", "subject", "success")})
    skipped = dict(scores.skipped)
    if found["unlabeled"]:
        skipped[unlabeled_words(head)] = found["unlabeled"]
    if found["lost"]:
        skipped[LOST] = len(found["lost"])
    computed = computed_by([victim, source])
    right = [label for batch in batches if batch.label is not None for label in batch.label.tolist()]
    warnings = missing_classes(test.label.tolist(), right, found["label"])
    if sfa is not None:
        warnings += other_detector(path_of(sfa), source.card)
    rates = _rates(found, seed)
    return Attacked(rates, found["gradient_calls"], manifest.simulated, out, skipped, computed, warnings)


def check_attackable(
    source: Detector, *, method: str, attacker: Any, modalities: Sequence[Modality], head: str | None, name: str
) -> None:
    """Raise when an attack cannot be what was meant on this detector.

    Raises:
        BadInputError: a gradient attack without gradients, a sensor that it does not read, or a head that it lacks.
    """
    check_gradients(method, attacker, source, what=name)
    check_reads(source, modalities, what=name)
    if head is not None and not (head == "live" and head not in source.heads):
        check_head(source, head)
        check_reach(method, attacker, head)


def _reading(
    sfa: Path | None,
    *,
    offset: Schedule | None,
    route: Route | None,
    average: int,
    through: PurifierLike | Sequence[PurifierLike] | None,
    device: torch.device,
) -> GradientSource | None:
    inner: GradientSource | None = None
    if sfa is not None:
        inner = SfaOffset(GeneratorPair.from_artifact(sfa).to(device), offset=offset or "decay", route=route or "own")
    elif offset is not None or route is not None:
        given = " and ".join(f"--{name}" for name, value in (("offset", offset), ("route", route)) if value)
        raise BadInputError(f"{given} without SFA's generators does nothing", hint="--sfa DIR")
    purifiers: tuple[PurifierLike, ...] = () if through is None else names_of(through, flag="--through")
    views = [resolve_purifier(one) for one in purifiers]
    for view in views:
        if not view.differentiable:
            raise BadInputError(f"no gradient flows through {view.card.name}", hint="facewarden list purifiers")
    if average == 1 and not views:
        return inner
    return AveragedReading(inner, points=average, radius=1.0 if average > 1 else 0.0, views=views)


def _rates(found: dict[str, Any], seed: int) -> dict[str, Interval]:
    success, label, subject = (np.array(found[name]) for name in ("success", "label", "subject"))
    masks = {direction: label == one for direction, one in DIRECTIONS.items()}
    if all(mask.any() for mask in masks.values()):
        masks = {"pooled": label >= 0, **masks}
    return {
        name: mean_by_subject(success[mask], subject[mask], seed=seed) for name, mask in masks.items() if mask.any()
    }
