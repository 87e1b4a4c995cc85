"""Set the threshold of a detector for your camera from bona fide photos alone, or on captures of both classes."""

from __future__ import annotations

from pathlib import Path

from facewarden.cli.parts.checks import check_detectors, check_device, check_sets
from facewarden.cli.parts.kinds import Captures, Device, Folder, Model, Precision, Rule, Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.own_folders import check_own_folders
from facewarden.cli.parts.settings import settled


def calibrate(
    detector: Model,
    /,
    *,
    bona_fide: tuple[Folder, ...] = (),
    subject: Rule = "auto",
    bpcer: float = 0.05,
    dev: Captures | None = None,
    policy: str = "eer",
    set: tuple[Setting, ...] = (),
    seed: int = 0,
    device: Device = "auto",
    precision: Precision | None = None,
    out: Path = Path("calibration.json"),
) -> Outcome:
    """Set the threshold of a detector for facewarden score --rule, and with both classes its probability.

    From bona fide photos alone the threshold rejects a share of them; how many attacks pass is then not known.

    Args:
        detector: the detector; its settings may follow in braces.
        bona_fide: folders of bona fide photos of your camera.
        subject: whose face a photo shows: auto, level:2, pattern:REGEX, table:FILE.csv or photo.
        bpcer: share of these photos that is rejected.
        dev: instead, captures whose dev rows have both classes, or a table of their scores.
        policy: how the threshold is set on them: eer, or apcer=0.05.
        set: settings of the detector, key=value.
        seed: of the bootstrap.
        device: where it computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what its own settings say, float32 for most.
        out: the JSON to write.
    """
    check_device(device)
    detector = settled(set, main="detector", components={"detector": detector})["detector"]
    check_detectors([detector])
    check_sets([dev])
    check_own_folders(bona_fide, (), mapping=None, subject=subject, instead_of=dev)
    from facewarden.verbs.own.calibrate import calibrate as run

    result = run(
        detector,
        bona_fide=bona_fide,
        subject=subject,
        bpcer=bpcer,
        dev=dev,
        policy=policy,
        seed=seed,
        device=device,
        precision=precision,
        out=out,
    )
    lines = [f"no response {count}: {reason}" for reason, count in result.skipped.items()]
    return Outcome(result, [*lines, *result.rule.lines(), f"rule: {result.out} (facewarden score --rule)"])


entry = calibrate
