"""The audit of a detector: bring the captures, score them, and attack what it decides correctly."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from facewarden.auditing.attack_judges import judges_of, witness_of
from facewarden.auditing.attacker_ladder import ladder_of, with_ladder
from facewarden.auditing.full_system import SCORES, with_full_system
from facewarden.auditing.perturbation_heads import attack_heads, auxiliary_heads, head_tasks, with_heads
from facewarden.auditing.perturbation_section import AttackGrid, perturbation_section
from facewarden.auditing.perturbation_words import CONTROL
from facewarden.auditing.request import AuditRequest, not_measured
from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_detector
from facewarden.core.roles import Detector
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel
from facewarden.data.captures import open_captures
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.evaluation.attack_ahead import AttackTask, attack_ahead
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, choose_samples, grid, run_grid
from facewarden.evaluation.decisions import correct_batches, held_sensors
from facewarden.evaluation.lost_samples import LOST
from facewarden.evaluation.presentation import PresentationResult, measure_presentation
from facewarden.evaluation.scores import Scores, absent_words, score_manifest
from facewarden.evaluation.self_checks import ModelSigns, look_at_classes
from facewarden.evaluation.simulated_captures import simulate_captures
from facewarden.reporting.document import AuditedPart, LeftOut, Section

_QUERIES = 500  # of Square in `auto_binary`


def load_captures(needs: AuditRequest, run: RunFolder) -> tuple[Manifest, AuditedPart]:
    """Read the captures that were given, or simulate them into the run's folder."""
    if needs.captures is not None:
        manifest = open_captures(needs.captures)
        settings = {"rows": len(manifest), "simulated": manifest.simulated}
        return manifest, AuditedPart("captures", manifest.name, needs.captures.name, "as given", settings=settings)
    found = simulate_captures(
        run.path / "captures",
        needs.sizes.captures.seeded(derive(needs.seed, "audit captures")),
        faces=needs.faces,
    )
    # nothing is trained here, and these people were drawn for this audit: those of the training split test as well
    rows = tuple(replace(row, split="test" if row.split == "train" else row.split) for row in found.manifest)
    manifest = replace(found.manifest, rows=rows, name="simulated captures")
    source = "procedural faces" if needs.faces is None else f"photos of {needs.faces.partition(':')[0]}"
    about: dict[str, Any] = {"rows": len(rows), "simulated": True, "seed": needs.seed, "skipped": found.skipped}
    return manifest, AuditedPart(
        "captures", manifest.name, f"facewarden simulate, {source}", "Apache-2.0", settings=about
    )


def drop_captures(needs: AuditRequest, run: RunFolder) -> None:
    """Remove captures that were rendered from photos of real people: a finished run keeps no face pixels of theirs."""
    if needs.captures is None and needs.faces is not None:
        shutil.rmtree(run.path / "captures", ignore_errors=True)


def presentation_of(detector: Detector, manifest: Manifest, needs: AuditRequest, run: RunFolder) -> PresentationResult:
    """Score the development and test captures once and measure them, the detector alone and with the recognizer."""
    wanted = manifest.where(split=("dev", "test"))
    scores = _stored_scores(detector, wanted, run, needs)
    absent = absent_words(detector, wanted)
    alone = measure_presentation(scores, policy=needs.policy, seed=needs.seed, rounds=needs.sizes.rounds, absent=absent)
    alone.rule.write(run.path / "decision.json")
    return with_full_system(alone, scores, wanted, needs, run)


def _stored_scores(detector: Detector, manifest: Manifest, run: RunFolder, needs: AuditRequest) -> Scores:
    path = run.path / SCORES

    def compute() -> dict[str, Any]:
        scores = score_manifest(detector, manifest, workers=needs.workers, batch=needs.batch)
        scores.write(path)
        return {"skipped": dict(scores.skipped), "source": scores.source}

    known = run.stage("scores", compute)
    return Scores.read(path, source=known["source"], skipped=known["skipped"])


def perturbation_of(
    detector: Detector, manifest: Manifest, presentation: PresentationResult, needs: AuditRequest, run: RunFolder
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
        return not_measured("perturbation", left)
    source, source_threshold, how = detector, rule.threshold, "white box"
    if not detector.differentiable:
        try:
            source = resolve_detector("multi_cnn", device=needs.device)
        except FacewardenError as error:
            return not_measured("perturbation", LeftOut("attacks on the detector", error.message, error.hint))
        how, source_threshold = f"transfer from {source.card.name}", 0.0
    chosen = set(test.key[rows].tolist())
    samples = [sample for sample in manifest.where(split="test") if sample.key in chosen]
    modalities = seen_sensors(detector, source)
    unread: list[Skipped] = []
    heads = auxiliary_heads(source) if source is detector else ()
    batches = list(
        iter_batches(
            samples, 16, root=manifest.root, modalities=modalities, targets=heads, on_error="skip", skipped=unread
        )
    )
    setting = AttackSetup(
        detector=detector,
        source=source,
        threshold=rule.threshold,
        source_threshold=source_threshold,
        batches=correct_batches(batches, detector, threshold=rule.threshold),
        seed=derive(needs.seed, "perturbation"),
    )
    held = held_sensors(setting.batches)
    cells = attack_grid(source, needs, transfer=setting.transfer, victim=detector, held=held)
    witness, left_out = witness_of(needs, manifest, samples)
    left_out = (*left_out, *_lacking(source, detector, held))
    judged = replace(setting, judges=judges_of(detector, rule.threshold, witness, seed=setting.seed))
    climb = ladder_of(setting, cells, sizes=sizes, device=needs.device)
    ahead = [AttackTask(cell.stage, judged, cell) for cell in cells]
    ahead += head_tasks(setting, cells[0], heads=heads).values()  # of the smallest budget
    attack_ahead([*ahead, *(climb.tasks if climb else ())], run, workers=needs.workers,
                 asked=() if witness is None else (witness.recognizer,))  # fmt: skip
    found = run_grid(judged, cells, run)
    everything = next(cell.threat for cell in cells if cell.name == CONTROL)
    signs = ModelSigns(**run.stage("perturbation-signs", lambda: asdict(_look(setting, everything))))
    recognizer = None if witness is None else witness.recognizer.card.name
    measured = AttackGrid(cells, found, how, manifest.simulated, needs.seed, signs, recognizer)
    through = attack_heads(setting, cells[0], run, heads=heads)
    lost = {key for rows in (*found.values(), *through.values()) for key in rows["lost"]}
    skipped = {"unreadable capture": len(unread), LOST: len(lost)}
    skipped = {reason: count for reason, count in skipped.items() if count}
    section = perturbation_section(measured, left_out=left_out, skipped=skipped)
    section = with_heads(section, through, cells[0], seed=needs.seed)
    return with_ladder(section, climb, found, presentation.section, run, seed=needs.seed)


def _lacking(source: Detector, victim: Detector, held: Sequence[Modality]) -> list[LeftOut]:
    """Sensors that could be attacked, if every attacked capture had them."""
    return [
        LeftOut(f"changes of {name}", "the attacked captures lack it", f"column {name} of the manifest")
        for name in source.modalities
        if name in victim.modalities and name not in held
    ]


def _look(setting: AttackSetup, threat: ThreatModel) -> ModelSigns:
    """Masked gradients and randomness of the model whose gradients were read, on samples of both classes."""

    def goal(batch: FaceBatch) -> Evade:
        return Evade(setting.source, batch, threshold=setting.source_threshold)

    return look_at_classes(setting.batches, goal, threat)


def seen_sensors(detector: Detector, source: Detector) -> tuple[Modality, ...]:
    """The sensors that are read for an attack: those of the detector, and what the source of gradients cannot lack."""
    needed = {name for name in source.modalities if name not in source.optional}
    return tuple(name for name in MODALITIES if name in {*detector.modalities, *needed})


def attack_grid(
    source: Detector,
    needs: AuditRequest,
    *,
    transfer: bool,
    victim: Detector | None = None,
    held: Sequence[Modality] = MODALITIES,
) -> list[AttackRun]:
    """The attacks of an audit: PGD at every budget on each sensor and on all of them, stronger ones, and noise.

    APGD with restarts, and `auto_binary` in the largest preset, attack at the budgets that the preset names, through
    the first sensor, which is color for detectors of several, and through all of them.

    Args:
        source: whose gradients are read.
        needs: sizes.
        transfer: whether another detector is attacked. Then the walk goes on after it has succeeded on the source; else
            a sample keeps the first images that succeed, since a walk with a large budget may leave them again.
        victim: the detector that decides, where it is not the source; what it does not read is not attacked, since it
            would seem robust there.
        held: sensors that all attacked captures have; others have no pixels to change.

    Raises:
        BadInputError: the source reads nothing that the victim reads and the captures have.
    """
    read = tuple(name for name in source.modalities if victim is None or name in victim.modalities)
    reached = tuple(name for name in read if name in held)
    if read and not reached:
        raise BadInputError(f"not every attacked capture has {' or '.join(read)}", hint="columns of the manifest")
    if not reached:
        raise BadInputError(
            f"{source.card.name} reads no sensor of the detector, so its attacks cannot be tried",
            hint="facewarden attack --surrogate with a detector of the same sensor",
        )
    sizes = needs.sizes
    main = tuple(dict.fromkeys([reached[:1], reached]))
    sensors = tuple(dict.fromkeys([*((name,) for name in reached), reached]))
    pgd, apgd, auto, noise = (load("attacks", name) for name in ("pgd", "apgd", "auto_binary", CONTROL))
    plain = pgd(steps=sizes.pgd_steps, stop_at_success=not transfer)
    cells = grid(eps=sizes.budgets, sensors=sensors, attacks={"pgd": plain}, noise=noise(), transfer=transfer)
    restarted = apgd(steps=sizes.pgd_steps, restarts=sizes.apgd_restarts, stop_at_success=not transfer)
    eps = sizes.budgets if sizes.apgd is None else sizes.apgd
    cells += without_noise(grid(eps=eps, sensors=main, attacks={"apgd": restarted}, noise=noise(), transfer=transfer))
    if sizes.auto_binary and not transfer:
        strongest = {"auto_binary": auto(steps=sizes.pgd_steps, queries=_QUERIES)}
        cells += without_noise(grid(eps=sizes.auto_binary, sensors=main, attacks=strongest, noise=noise(),
                                    transfer=False))  # fmt: skip
    return [replace(cell, judged="rgb" in cell.threat.modalities and cell.threat.modalities in main) for cell in cells]


def without_noise(cells: Sequence[AttackRun]) -> list[AttackRun]:
    """The cells without the control, which one grid of several has already."""
    return [cell for cell in cells if cell.name != CONTROL]
