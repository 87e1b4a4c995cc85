"""Watch a system over time: audits on a schedule, the trend of chosen metrics, and alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_detectors, check_device, check_path, check_recognizers, check_sets, named
from facewarden.cli.parts.kinds import Captures, Device, Faces, Folder, Model, Precision, Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.settings import settled

Metric = Annotated[str, "METRIC"]


def monitor(
    reports: Folder | None = None,
    /,
    *,
    detector: Model = "auto",
    recognizer: Model = "mobilefacenet_512",
    surrogate: tuple[Model, ...] = (),
    set: tuple[Setting, ...] = (),
    faces: Faces | None = None,
    captures: Captures | None = None,
    preset: Literal["quick", "standard", "thorough"] = "standard",
    policy: str = "eer",
    seed: int = 0,
    device: Device = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    every: str = "1d",
    once: bool = False,
    metric: tuple[Metric, ...] = (),
    fail_on: str | None = None,
    against: str = "first",
    webhook: str | None = None,
    form: tuple[Literal["html", "markdown", "pdf"], ...] = ("html", "markdown"),
    out: Folder = Path("runs/monitor"),
) -> Outcome:
    """Audit a system on a schedule, follow its numbers on a page, and tell when a gate fails.

    With a folder of reports nothing is audited: the page is made of them. Without one the system is audited every
    interval until the program is stopped; --once makes one audit and ends, for a scheduler such as cron. An audit that
    was stopped is finished by the next start.

    Args:
        reports: folder with reports of finished audits, at any depth.
        detector: detector to audit; an endpoint is http_detector:http://127.0.0.1:8780/score. auto takes color_cnn
            where there is color alone, and multi_cnn elsewhere; no audit is made where it would now take another one.
        recognizer: recognizer to audit.
        surrogate: recognizers that the cloak is made on.
        set: settings of the detector, key=value; those of another model follow its option or its name.
        faces: photos of people, as in facewarden audit.
        captures: real or simulated captures.
        preset: how much is measured.
        policy: how the threshold is set on the development split: eer, or apcer=0.05.
        seed: of all random choices; it stays the same, so that each audit asks the same questions.
        device: where the models compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto, float32, bfloat16 or float16; left out, what the settings of each say.
        workers: processes that read captures and align photos; all cores when 0.
        every: from the start of an audit to the start of the next one: 30m, 6h, 1d.
        once: one audit, or the rest of one that was stopped.
        metric: numbers of the page, as a gate spells them: presentation.apcer "max(perturbation.success_rate)"; by
            default those that decide grades, and the EER.
        fail_on: a gate for each audit, such as "presentation.acer > 0.05 or regressed(presentation.apcer)"; exit code 1
            when the latest one fails.
        against: what regressed(...) compares with: first, previous, or the folder of an audit.
        webhook: address that takes alerts as JSON; env:NAME reads it from the environment.
        form: of the page: html, markdown, pdf, or several.
        out: folder of the audits, the page trend.html, and monitor.json.
    """
    check_device(device)
    check_path(reports)
    given = {"detector": detector, "recognizer": recognizer, "surrogate": surrogate}
    parts = settled(set, main="detector", components=given)
    detector, recognizer, surrogate = parts["detector"], parts["recognizer"], parts["surrogate"]
    check_detectors(named(detector))
    check_recognizers([recognizer, *surrogate])
    check_sets([faces, captures])
    from facewarden.verbs.monitoring.monitor import monitor as run

    result = run(
        reports, detector=detector, recognizer=recognizer, surrogate=surrogate, faces=faces, captures=captures,
        preset=preset, policy=policy, seed=seed, device=device, precision=precision, workers=workers, every=every,
        once=once, metric=metric, fail_on=fail_on, against=against, webhook=webhook, form=form, out=out,
    )  # fmt: skip
    words = {None: "no gate", True: "gate passed", False: "gate FAILED"}
    lines = [f"{title}: {words[passed]} in {name}" for title, name, passed in result.systems]
    lines += [f"gate: {one}" for one in result.details]
    lines += [f"alert sent: {one}" for one in result.sent]
    lines += [f"trend of {result.audits} audits: {path}" for path in result.files]
    problems = [f"alert not sent: {one}" for one in result.not_sent]
    return Outcome(result, lines, 0 if result.well else 1, problems)


entry = monitor
