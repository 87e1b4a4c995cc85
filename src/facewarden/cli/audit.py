"""Audit a detector and a recognizer: one graded report on presentation, perturbation and poisoning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_detectors, check_device, check_path, check_recognizers, check_sets, named
from facewarden.cli.parts.kinds import Captures, Device, Faces, Folder, Model, Precision, Rule, Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.own_folders import check_own_folders
from facewarden.cli.parts.settings import settled


def audit(
    *,
    detector: Model = "auto",
    recognizer: Model = "mobilefacenet_512",
    surrogate: tuple[Model, ...] = (),
    set: tuple[Setting, ...] = (),
    faces: Faces | None = None,
    captures: Captures | None = None,
    bona_fide: tuple[Folder, ...] = (),
    attacks: tuple[Folder, ...] = (),
    mapping: Path | None = None,
    subject: Rule = "auto",
    quality: Annotated[str, "GATE"] = "off",
    preset: Literal["quick", "standard", "thorough"] = "standard",
    policy: str = "eer",
    seed: int = 0,
    device: Device = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    pictures: Literal["drawn", "own"] = "drawn",
    batch: int = 32,
    out: Folder = Path("runs/audit"),
    fail_on: str | None = None,
    against: Path | None = None,
    junit: Path | None = None,
    sarif: Path | None = None,
    repeat: int = 1,
    resume: bool = False,
) -> Outcome:
    """Audit a detector and a recognizer and write one report on how face images deceive them.

    Without arguments it audits the shipped detector on captures that it simulates, and a fetched recognizer on ORL.
    What cannot be measured is left out and named in the report with the command that makes it possible.

    Args:
        detector: detector to audit; auto takes color_cnn where there is color alone, and multi_cnn elsewhere.
        recognizer: recognizer to audit: the one whose training gallery is poisoned.
        surrogate: recognizers that the cloak is made on; by default two others than the audited one.
        set: settings of the detector, key=value; those of another model follow its option or its name:
            recognizer.order=BGR, mobilefacenet_128.order=BGR.
        faces: photos of people: orl, lfw:FOLDER, or a folder with one folder per person. They are cloaked, and captures
            are simulated from them unless --captures is given.
        captures: real or simulated captures.
        bona_fide: instead of captures, folders of bona fide photos.
        attacks: folders of attack photos; the species is read from the names of folders.
        mapping: table of which folder is what, edited.
        subject: whose face a photo shows: auto, level:2, pattern:REGEX, table:FILE.csv or photo.
        quality: photos of these folders that are small, blurred, turned away, covered or show several faces: refuse (no
            decision), or off; limits may follow in braces.
        preset: how much is measured.
        policy: how the threshold is set on the development split: eer, or apcer=0.05.
        seed: of all random choices.
        device: where the models compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.
        workers: processes that read captures, attack and align photos; all cores when 0. No number depends on it.
        pictures: whose faces the report shows before and after the purifiers: drawn people, or own, those of --faces.
        batch: captures that go through the detector together when they are scored; scores of other sizes agree within
            1e-5.
        out: folder of the run and its report.
        fail_on: a gate, such as "presentation.acer > 0.05 or grade(poisoning) > C"; exit code 1 when it fails.
        against: folder or report.json of an earlier audit: the page says what changed, and the gate may ask
            regressed(presentation.apcer).
        junit: file for JUnit XML, for build servers.
        sarif: file for SARIF 2.1.0, for code scanning.
        repeat: how many audits, with seeds that follow each other; how many of them passed is said.
        resume: continue a run that was stopped.
    """
    check_device(device)
    given = {"detector": detector, "recognizer": recognizer, "surrogate": surrogate}
    parts = settled(set, main="detector", components=given)
    detector, recognizer, surrogate = parts["detector"], parts["recognizer"], parts["surrogate"]
    check_detectors(named(detector))
    check_recognizers([recognizer, *surrogate])
    check_path(against)
    check_sets([faces, captures])
    check_own_folders(bona_fide, attacks, mapping=mapping, subject=subject, instead_of=captures)
    from facewarden.reporting.document import SECTIONS
    from facewarden.reporting.findings import ranked_findings
    from facewarden.verbs.audit import audit as run

    result = run(
        detector=detector,
        recognizer=recognizer,
        surrogate=surrogate,
        faces=faces,
        captures=None if captures is None else Path(captures),
        bona_fide=bona_fide,
        attacks=attacks,
        mapping=mapping,
        subject=subject,
        quality=quality,
        preset=preset,
        policy=policy,
        seed=seed,
        device=device,
        precision=precision,
        workers=workers,
        pictures=pictures,
        batch=batch,
        out=out,
        fail_on=fail_on,
        against=against,
        junit=junit,
        sarif=sarif,
        repeat=repeat,
        resume=resume,
    )
    lines = []
    for name, section in zip(SECTIONS, result.report.sections, strict=True):
        lines.append(f"{name:<13} {section.grade or '-'}  {section.finding}")
        lines += [f"{'':<16} skipped {count}: {reason}" for reason, count in section.skipped.items()]
        for left in section.left_out:
            lines += [f"{'':<16} left out: {left.what} ({left.why})", f"{'':<16} -> {left.command}"]
    if result.gate is not None:
        lines.append(f"gate {'passed' if result.gate.passed else 'FAILED'}: {result.gate.detail}")
    lines += [f"do {one.rule}: {one.action}{f' -> {one.command}' if one.command else ''}"
              for one in ranked_findings(result.report)[:3] if one.grade is not None]  # fmt: skip
    lines += [f"report: {result.html}", f"data:   {result.json}"]
    passed = result.gate is None or result.gate.passed
    if result.repeats is not None:
        lines += [result.repeats.words, f"repeats: {result.repeats.page}"]
        passed = result.repeats.passed is None or result.repeats.passed == len(result.repeats.runs)
    return Outcome(result, lines, 0 if passed else 1)


entry = audit
