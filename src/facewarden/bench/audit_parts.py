"""The audit's steps: bring the captures, measure each of the three lies, and name what had to be left out."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facewarden.bench.cloaking_crowd import crowd_of
from facewarden.bench.cloaking_lab import Lab
from facewarden.bench.cloaking_recipe import CloakRecipe
from facewarden.bench.drawn import drawn_faces
from facewarden.bench.faces import AlignedFaces, align_photos, choose_people
from facewarden.bench.perturbation import Cell, Vulnerability, choose_samples, correct_batches, grid, run_grid
from facewarden.bench.perturbation_heads import attack_heads, auxiliary_heads, with_heads
from facewarden.bench.perturbation_report import Measured, perturbation_section
from facewarden.bench.poisoning import Poisoning, run_poisoning
from facewarden.bench.poisoning_report import poisoning_section
from facewarden.bench.presentation import Presentation, measure_presentation
from facewarden.bench.presets import Preset
from facewarden.bench.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.bench.scoring import Scores, score_manifest
from facewarden.bench.self_checks import ModelSigns, look_at_classes
from facewarden.bench.simulating import simulate
from facewarden.core.artifact import sha256
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, FacewardenError, MissingAssetError
from facewarden.core.labels import Modality
from facewarden.core.objective import Evade
from facewarden.core.registry import load
from facewarden.core.roles import Aligner, Detector, Recognizer
from facewarden.core.run import RunFolder
from facewarden.core.seeding import checked_seed, derive
from facewarden.core.threat import ThreatModel
from facewarden.data._text import opaque
from facewarden.data.captures import open_captures
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.metrics.pad import fit_rule
from facewarden.report.document import LeftOut, Part, Section

SURROGATES = ("mobilefacenet_128", "dlib_resnet34", "mobilefacenet_512")
"""Recognizers to make the cloak on: the first two that are in the cache and are not the judge."""
PURIFIERS = ("identity", "jpeg", "gaussian_blur", "puface")
_JUDGE = "judge"


@dataclass(frozen=True)
class Needs:
    """What the audit was asked for, besides the detector."""

    recognizer: str
    surrogate: tuple[str, ...]
    faces: str | None
    captures: Path | None
    sizes: Preset
    policy: str
    seed: int

    def recipe(self) -> dict[str, Any]:
        """What decides the numbers, JSON-able."""
        captures = None if self.captures is None else str(self.captures)
        return {**asdict(self), "captures": captures}

    def options(self) -> dict[str, str | None]:
        """Command line options that were not left at their defaults."""
        return {
            "--recognizer": None if self.recognizer == "mobilefacenet_512" else self.recognizer,
            "--surrogate": " ".join(self.surrogate) or None,
            "--faces": self.faces,
            "--captures": None if self.captures is None else str(self.captures),
            "--policy": None if self.policy == "eer" else self.policy,
            "--seed": str(self.seed) if self.seed else None,
        }


def model_part(role: str, card: Card) -> Part:
    """A model's entry in the report's provenance."""
    return Part(role, card.name, card.source, card.licence, card.sha256, card.settings)


def check_needs(needs: Needs) -> dict[str, Any]:
    """Refuse what cannot work before the minutes of measuring, not after them; missing public parts are left out later.

    Returns:
        Hashes of the captures' manifest and of the recognizers: a run resumes only with the same files.

    Raises:
        BadInputError, UnknownEntryError: a negative seed, an unknown policy or recognizer, no such faces or captures.
    """
    checked_seed(needs.seed)
    fit_rule(np.array([0.0, 1.0]), np.array([0, 1]), policy=needs.policy, split="dev", species=np.array(["", ""]))
    hashes: dict[str, Any] = {}
    with suppress(MissingAssetError):
        judge = resolve_recognizer(needs.recognizer)
        hashes["recognizers"] = [model.card.sha256 for model in (judge, *_surrogates(needs, judge))]
    with suppress(MissingAssetError):
        if needs.faces is not None:
            open_dataset(needs.faces)
    if needs.captures is not None:
        manifest = open_captures(needs.captures)
        file = needs.captures if needs.captures.is_file() else needs.captures / "manifest.csv"
        rows = "\n".join(row.key for row in manifest)
        hashes["manifest"] = sha256(file) if file.is_file() else opaque(rows)
    return hashes


def load_captures(needs: Needs, run: RunFolder) -> tuple[Manifest, Part]:
    """Read the captures that were given, or simulate them into the run's folder."""
    if needs.captures is not None:
        manifest = open_captures(needs.captures)
        settings = {"rows": len(manifest), "simulated": manifest.simulated}
        return manifest, Part("captures", manifest.name, needs.captures.name, "as given", settings=settings)
    folder, sizes = run.path / "captures", needs.sizes
    found = simulate(
        folder,
        subjects=sizes.subjects,
        captures_per_subject=sizes.captures_per_subject,
        faces=needs.faces,
        seed=derive(needs.seed, "audit captures"),
    )
    # nothing is trained here, and these people were drawn for this audit: those of the training split test as well
    rows = tuple(replace(row, split="test" if row.split == "train" else row.split) for row in found.manifest)
    manifest = replace(found.manifest, rows=rows, name="simulated captures")
    source = "procedural faces" if needs.faces is None else f"photos of {needs.faces.partition(':')[0]}"
    about: dict[str, Any] = {"rows": len(rows), "simulated": True, "seed": needs.seed, "skipped": found.skipped}
    return manifest, Part("captures", manifest.name, f"facewarden simulate, {source}", "Apache-2.0", settings=about)


def drop_captures(needs: Needs, run: RunFolder) -> None:
    """Remove captures that were rendered from photos of real people: a finished run keeps no face pixels of theirs."""
    if needs.captures is None and needs.faces is not None:
        shutil.rmtree(run.path / "captures", ignore_errors=True)


def presentation_of(detector: Detector, manifest: Manifest, needs: Needs, run: RunFolder) -> Presentation:
    """Score the development and test captures once and measure them."""
    wanted = manifest.where(split=("dev", "test"))
    lacking = [name for name in ("dev", "test") if not len(manifest.where(split=name))]
    if lacking:
        raise BadInputError(
            f"{manifest.name}: no rows of split {' and '.join(lacking)}",
            hint="the threshold is set on dev and measured on test; facewarden simulate writes both",
        )
    scores = _stored_scores(detector, wanted, run)
    return measure_presentation(scores, policy=needs.policy, seed=needs.seed, rounds=needs.sizes.rounds)


def _stored_scores(detector: Detector, manifest: Manifest, run: RunFolder) -> Scores:
    path = run.path / "scores.parquet"

    def compute() -> dict[str, Any]:
        scores = score_manifest(detector, manifest)
        scores.write(path)
        return {"skipped": dict(scores.skipped), "source": scores.source}

    known = run.stage("scores", compute)
    return Scores.read(path, source=known["source"], skipped=known["skipped"])


def perturbation_of(
    detector: Detector, manifest: Manifest, presentation: Presentation, needs: Needs, run: RunFolder
) -> Section:
    """Attack the detector at the deployed threshold, by its own gradients or a surrogate's; also through its tasks."""
    rule, test, sizes = presentation.rule, presentation.test, needs.sizes
    rows = choose_samples(
        test.score.tolist(),
        test.label.tolist(),
        threshold=rule.threshold,
        subjects=test.subject.tolist(),
        per_class=sizes.attacked_per_class,
        seed=needs.seed,
    )
    if not rows:
        left = LeftOut("attacks on the detector", "it decides no test capture correctly", "facewarden train")
        return _empty("perturbation", left)
    source, source_threshold, how = detector, rule.threshold, "white box"
    if not detector.differentiable:
        try:
            source = resolve_detector("multi_cnn")
        except FacewardenError as error:
            return _empty("perturbation", LeftOut("attacks on the detector", error.message, error.hint))
        how, source_threshold = f"transfer from {source.card.name}", 0.0
    chosen = set(test.key[rows].tolist())
    samples = [sample for sample in manifest.where(split="test") if sample.key in chosen]
    modalities = tuple(m for m in ("rgb", "depth", "infrared") if m in {*detector.modalities, *source.modalities})
    unread: list[Skipped] = []
    heads = auxiliary_heads(source) if source is detector else ()
    batches = list(
        iter_batches(
            samples, 16, root=manifest.root, modalities=modalities, targets=heads, on_error="skip", skipped=unread
        )
    )
    setting = Vulnerability(
        detector=detector,
        source=source,
        threshold=rule.threshold,
        source_threshold=source_threshold,
        batches=correct_batches(batches, detector, threshold=rule.threshold),
        seed=derive(needs.seed, "perturbation"),
    )
    cells = _cells(source, needs, transfer=setting.transfer)
    found = run_grid(setting, cells, run)
    signs = ModelSigns(**run.stage("perturbation-signs", lambda: asdict(_look(setting, cells[-1].threat))))
    skipped = {"unreadable capture": len(unread)} if unread else None
    measured = Measured(cells, found, how, manifest.simulated, needs.seed, signs)
    through = attack_heads(setting, cells[0], run, heads=heads)  # of the smallest budget
    return with_heads(perturbation_section(measured, skipped=skipped), through, cells[0], seed=needs.seed)


def _look(setting: Vulnerability, threat: ThreatModel) -> ModelSigns:
    """Masked gradients and randomness of the model whose gradients were read, on samples of both classes."""

    def goal(batch: FaceBatch) -> Evade:
        return Evade(setting.source, batch, threshold=setting.source_threshold)

    return look_at_classes(setting.batches, goal, threat)


def _cells(source: Detector, needs: Needs, *, transfer: bool) -> list[Cell]:
    sensors: list[tuple[Modality, ...]] = [source.modalities[:1]]
    if len(source.modalities) > 1:
        sensors.append(source.modalities)
    pgd, noise = load("attacks", "pgd"), load("attacks", "noise")
    return grid(
        eps=needs.sizes.budgets,
        sensors=sensors,
        attack=pgd(steps=needs.sizes.pgd_steps),
        noise=noise(),
        transfer=transfer,
    )


def poisoning_of(needs: Needs, run: RunFolder) -> tuple[Section, tuple[Part, ...]]:
    """Cloak photos on a surrogate and see whether the audited recognizer still finds their owners."""
    try:
        judge = resolve_recognizer(needs.recognizer)
        surrogates = _surrogates(needs, judge)
    except MissingAssetError as error:
        return _empty("poisoning", LeftOut("cloaking of gallery photos", error.message, error.hint)), ()
    faces, left_out = _faces(needs)
    sizes = needs.sizes
    seed = derive(needs.seed, "poisoning")
    models = {_JUDGE: judge, **{model.card.name: model for model in surrogates}}
    names = tuple(model.card.name for model in surrogates)
    pace = {"pace": "swift", "steps": sizes.cloak_steps}
    lab = Lab(crowd_of(faces), run.path / "cloaking", recognizer=models.__getitem__)
    setting = Poisoning(
        lab=lab,
        judge=_JUDGE,
        cloak=CloakRecipe("lowkey", "8", names, settings=pace, seed=seed),
        purifiers=_purifiers(),
        users=sizes.cloaking_people,
        seed=seed,
    )
    with torch.inference_mode(mode=False):
        section = poisoning_section(setting, run_poisoning(setting, run), left_out=left_out)
    shutil.rmtree(run.path / "cloaking", ignore_errors=True)  # cloaked faces of real people
    cloaking = len(lab.crowd.attackers(sizes.cloaking_people))
    settings: dict[str, Any] = {"people": len(lab.crowd.people), "photos": len(faces), "cloaking": cloaking}
    source = "drawn by the simulator" if faces.simulated else faces.source
    parts = (
        model_part("recognizer (judge)", judge.card),
        *(model_part("recognizer (surrogate)", model.card) for model in surrogates),
        Part("faces", faces.source, source, "see the data set", settings=settings),
    )
    return section, parts


def _purifiers() -> tuple[str, ...]:
    """The purifiers to measure, without one whose weights are not there."""
    found = []
    for name in PURIFIERS:
        with suppress(FacewardenError):
            resolve_purifier(name)
            found.append(name)
    return tuple(found)


def _surrogates(needs: Needs, judge: Recognizer) -> tuple[Recognizer, ...]:
    if needs.recognizer in needs.surrogate:
        raise BadInputError(
            f"the surrogate {needs.recognizer!r} is the audited recognizer itself",
            hint="a headline never uses the judge as surrogate; leave --surrogate out",
        )
    if needs.surrogate:
        return tuple(resolve_recognizer(name) for name in needs.surrogate)
    found: list[Recognizer] = []
    missing: list[MissingAssetError] = []
    for name in SURROGATES:
        if name != judge.card.name and len(found) < 2:
            try:
                found.append(resolve_recognizer(name))
            except MissingAssetError as error:
                missing.append(error)
    if not found:
        raise missing[0]
    return tuple(found)


def _faces(needs: Needs) -> tuple[AlignedFaces, tuple[LeftOut, ...]]:
    """Real faces where there are any, else drawn ones; the report says which."""
    sizes = needs.sizes
    size = {"people": sizes.people, "at_most": sizes.photos_per_person, "seed": derive(needs.seed, "faces")}
    try:
        dataset = open_dataset(needs.faces or "orl")
        aligner: Aligner = load("align", "yunet")()
    except MissingAssetError as error:
        if needs.faces is not None:
            raise
        left = LeftOut("real faces", f"{error.message}; drawn faces stand in", error.hint)
        return drawn_faces(people=sizes.people, each=sizes.photos_per_person, seed=size["seed"]), (left,)
    # the other people of LFW are there to train purifiers on, so they never judge one
    photos = dataset.part("users") if isinstance(dataset, Lfw) else dataset.photos()
    return align_photos(dataset, choose_people(photos, at_least=4, **size), aligner=aligner), ()


def _empty(name: Any, left: LeftOut) -> Section:
    return Section(name, None, f"Not measured: {left.why}.", "Not graded: nothing was measured.", left_out=(left,))
