"""The audit: one graded, reproducible report on presentation, perturbation and poisoning."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from facewarden.auditing.detector import drop_captures
from facewarden.auditing.presets import preset_named
from facewarden.auditing.request import (
    AuditRequest,
    check_needs,
    model_part,
    with_hashes,
)
from facewarden.auditing.sections import measure_sections
from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.stream import count_workers
from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import locking
from facewarden.core.identity.code_version import code_of
from facewarden.core.identity.given import PathLike, maybe_path, name_of, path_of, recorded, several
from facewarden.core.identity.inputs import hash_of
from facewarden.core.identity.version import __version__
from facewarden.core.resolve import DetectorLike, RecognizerLike, resolve_detector
from facewarden.core.run import RunFolder, provenance
from facewarden.data.results import RowsResult, rows_as_columns
from facewarden.evaluation.verdicts.default_detector import FOR_SENSORS, choose_detector, usual_detector
from facewarden.reporting.changes import changes_between
from facewarden.reporting.codec import read_report
from facewarden.reporting.document import Gate, Report
from facewarden.reporting.gate import GateExpression, parse_gate
from facewarden.reporting.html import write_report
from facewarden.verbs.laboratory.ci import write_for_machines
from facewarden.verbs.laboratory.repeat import Repeats, repeat_audits
from facewarden.verbs.own.folders import folder_paths, given_captures, photo_gate


@dataclass(frozen=True, repr=False)
class AuditResult(RowsResult):
    """Where the report is and what came out.

    Attributes:
        report: the report as data.
        html, json: the files.
        gate: outcome of `fail_on`, if one was given.
        repeats: all audits, where it was repeated; the rest is of the first one.
    """

    report: Report
    html: Path
    json: Path
    gate: Gate | None
    repeats: Repeats | None = None

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """One row for each metric of the three sections."""
        found = [(section.name, metric) for section in self.report.sections for metric in section.metrics]
        return rows_as_columns([
            {"section": name, "metric": m.name, "group": json.dumps(dict(m.group)), "value": m.value, "low": m.low,
             "high": m.high, "n": m.n, "simulated": m.simulated, "unit": m.unit}
            for name, m in found
        ])  # fmt: skip


@computes
@locking
def audit(
    *,
    detector: DetectorLike = "auto",
    recognizer: RecognizerLike = "mobilefacenet_512",
    surrogate: RecognizerLike | Sequence[RecognizerLike] = (),
    faces: PathLike | None = None,
    captures: PathLike | None = None,
    bona_fide: PathLike | Sequence[PathLike] = (),
    attacks: PathLike | Sequence[PathLike] = (),
    mapping: PathLike | None = None,
    subject: str = "auto",
    quality: str = "off",
    preset: Literal["quick", "standard", "thorough"] = "standard",
    policy: str = "eer",
    seed: int = 0,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    pictures: Literal["drawn", "own"] = "drawn",
    batch: int = 32,
    out: PathLike = "runs/audit",
    fail_on: str | None = None,
    against: PathLike | None = None,
    junit: PathLike | None = None,
    sarif: PathLike | None = None,
    repeat: int = 1,
    resume: bool = False,
) -> AuditResult:
    """Audit a detector and a recognizer and write one report on the three threats of face images.

    Without arguments it audits the shipped detector on captures that it simulates, and a fetched recognizer on ORL.
    What cannot be measured is left out and named in the report with the command that brings it.

    Args:
        detector: registry name, name:PATH, artifact folder, model.onnx with its card, or a detector itself; auto takes
            `color_cnn` where there is color alone, and `multi_cnn` elsewhere.
        recognizer: the same, for the recognizer whose training gallery is poisoned.
        surrogate: recognizers the cloak is made on; by default two others than the audited one.
        faces: photos of people: orl, lfw:DIR, london:DIR or DIR with one folder per person. They are cloaked, and
            captures are simulated from them unless --captures is given.
        captures: manifest of real or simulated captures (CSV or Parquet), or NAME:PATH of a published set.
        bona_fide, attacks: instead of captures, folders of photos of each class; faces are found where the detector
            needs them, and the split by subject is written to runs/own.
        mapping, subject: how these folders are read, as in `data_from_folders`.
        quality: refuse makes a non-response of photos of these folders that are small, blurred, turned away, covered or
            show several faces, with limits in braces; off does not look.
        preset: how much is measured.
        policy: how the threshold is set on the development split: eer, or apcer=0.05.
        seed: of everything random.
        device: where the models compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what networks compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each model say, float32 for most.
        workers: processes that read captures, attack and align photos; all cores when 0. No number depends on it.
        pictures: whose faces the report shows before and after the purifiers: drawn people, or own, those of `faces`.
        batch: captures that go through the detector together when they are scored; scores of other sizes agree within
            1e-5.
        out: folder of the run and its report.
        fail_on: a gate, e.g. "presentation.acer > 0.05 or grade(poisoning) > C"; exit code 1 when it fails.
        against: folder or report.json of an earlier audit: the page says what changed, and the gate may ask
            regressed(presentation.apcer).
        junit: file for JUnit XML, for build servers.
        sarif: file for SARIF 2.1.0, for code scanning.
        repeat: how many audits, with seeds that follow each other; folders are then below `out`.
        resume: go on with a run that was stopped.

    Raises:
        BadInputError, UnknownEntryError: what is asked for does not exist or is out of range, before anything is
            measured; or captures and faces that cannot be used.
    """
    out = path_of(out)
    choice = choose_detector(detector, captures, photos=bool(folder_paths(bona_fide) or folder_paths(attacks)))
    detector = choice.detector
    if repeat > 1:
        return _repeated(
            partial(audit, detector=detector, recognizer=recognizer, surrogate=surrogate, faces=faces,
                    captures=captures, bona_fide=bona_fide, attacks=attacks, mapping=mapping, subject=subject,
                    quality=quality, preset=preset, policy=policy, device=device, precision=precision, workers=workers,
                    pictures=pictures, batch=batch, fail_on=fail_on, against=against, resume=resume),
            seed=seed, repeat=repeat, out=out, junit=maybe_path(junit), sarif=maybe_path(sarif),
        )  # fmt: skip
    count_workers(workers, items=0, batch=batch)  # refused before anything is measured
    sizes = preset_named(preset)
    gate = parse_gate(fail_on) if fail_on else None
    earlier = None if against is None else read_report(path_of(against))[0]
    if gate is not None and gate.asks_for_earlier and earlier is None:
        raise BadInputError(f"gate: {fail_on!r} needs an earlier audit", hint="--against FOLDER of an earlier audit")
    victim = resolve_detector(detector)
    photos = None if faces is None else os.fspath(faces)
    captures = given_captures(captures, [victim], bona_fide=bona_fide, attacks=attacks, mapping=mapping,
                              subject=subject, seed=seed,
                              gate=photo_gate(quality, folders=(bona_fide, attacks)))  # fmt: skip
    needs = AuditRequest(
        recognizer=recognizer, surrogate=several(surrogate), faces=photos, captures=captures, sizes=sizes,
        policy=policy, seed=seed, device=device, precision=precision, workers=workers, pictures=pictures, batch=batch,
    )  # fmt: skip
    hashes, inputs = check_needs(needs)
    inputs["detector"] = hash_of(victim.card.identity())
    recipe = {
        "verb": "audit",
        "version": __version__,
        "detector": recorded(detector),
        "detector_sha256": victim.card.sha256,
        "preset": preset,
        **needs.recipe(),
        **hashes,
    }
    computed = computed_by([victim])
    if resume:
        choice.refuse_other_run(out)
    run = RunFolder(out, recipe=recipe, code=code_of("audit"), resume=resume, inputs=inputs, computed=computed)
    if run.done and (out / "report.json").is_file():  # finished: nothing is measured twice
        held, _ = read_report(out / "report.json")
        again = _written(replace(held, command=_command(detector, preset, needs, fail_on)), run, gate, earlier)
        write_for_machines(again.report, junit=maybe_path(junit), sarif=maybe_path(sarif))
        return again
    found = measure_sections(victim, needs, run)
    report = Report(
        title=f"Audit of {victim.card.name}" + (f" and {name_of(recognizer)}" if found.compares else ""),
        created=run.stage("created", lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())),
        command=_command(detector, preset, needs, fail_on),
        preset=preset,
        seed=seed,
        provenance=provenance(computed),
        parts=(model_part("detector", victim.card), *with_hashes(found.parts, hashes)),
        presentation=found.presentation,
        perturbation=found.perturbation,
        poisoning=found.poisoning,
    )
    result = _written(report, run, gate, earlier)
    write_for_machines(result.report, junit=maybe_path(junit), sarif=maybe_path(sarif))
    drop_captures(needs, run)
    return result


def _repeated(
    one_audit: Callable[..., AuditResult], *, seed: int, repeat: int, out: Path, junit: Path | None, sarif: Path | None
) -> AuditResult:
    """Audit with seeds that follow each other; the result is of the first audit."""
    results: dict[int, AuditResult] = {}

    def run(number: int, folder: Path) -> Report:
        results[number] = one_audit(seed=number, out=folder)
        return results[number].report

    command = f"facewarden audit --repeat {repeat} --seed {seed}"
    repeats = repeat_audits(run, seed=seed, times=repeat, out=out, command=command)
    first = results[seed]
    write_for_machines(first.report, junit=junit, sarif=sarif)
    return replace(first, repeats=repeats)


def _written(report: Report, run: RunFolder, gate: GateExpression | None, earlier: Report | None) -> AuditResult:
    """Apply the gate, write both files, mark the run done."""
    changes = None if earlier is None else changes_between(earlier, report)
    report = replace(report, gate=None if gate is None else gate.evaluate(report, changes))
    html, json = write_report(report, run.path, changes=changes)
    run.finish({"report": html.name, "gate": None if report.gate is None else report.gate.passed})
    return AuditResult(report, html, json, report.gate)


def _command(detector: DetectorLike, preset: str, needs: AuditRequest, fail_on: str | None) -> str:
    """The command line that makes this report again, without what is default."""
    words = ["facewarden", "audit"]
    given = {"--detector": recorded(detector), "--preset": preset, **needs.options(), "--fail-on": fail_on}
    usual = usual_detector(needs.captures)
    # on color alone it is always named: an earlier release took another one there
    defaults = {"--detector": usual if usual == FOR_SENSORS else None, "--preset": "standard"}
    for option, value in given.items():
        if value is not None and defaults.get(option) != value:
            words += [option, *(value.split(" ") if option == "--surrogate" else [str(value)])]
    command = shlex.join(words)
    return f"{command}  # @sha256: an object given in Python" if "@sha256:" in command else command
