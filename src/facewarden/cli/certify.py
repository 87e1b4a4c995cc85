"""Bound the errors that any small change of the pixels can cause, by randomized smoothing."""

from __future__ import annotations

from typing import Literal

from facewarden.cli.parts.checks import check_detectors, check_device, check_recognizers, check_sets
from facewarden.cli.parts.kinds import Device, Folder, Model, Name, Precision, Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.settings import settled


def certify(
    source: str,
    /,
    *,
    detector: Model | None = None,
    recognizer: Model | None = None,
    set: tuple[Setting, ...] = (),
    sigma: float = 0.25,
    copies: int = 100,
    alpha: float = 0.001,
    bpcer: float = 0.05,
    modalities: tuple[Literal["rgb", "depth", "infrared"], ...] = ("rgb",),
    samples: int = 64,
    batch: int = 32,
    aligner: Name = "yunet",
    seed: int = 0,
    device: Device = "auto",
    precision: Precision | None = None,
    out: Folder | None = None,
) -> Outcome:
    """Bound the errors that any change of the pixels up to a length can cause, by randomized smoothing.

    Rates of a detector are certified APCER and BPCER by radius; those of a recognizer are the share of photos that
    provably go on matching themselves. A certificate covers the pixels given to the model, not the face finder, JPEG or
    another presentation.

    Args:
        source: captures with dev and test rows for a detector; photos of people for a recognizer.
        detector: the detector that is certified; any that scores. It should have been trained with noise.
        recognizer: the recognizer that is certified instead; its card gives the cosine from which two photos match.
        set: settings of the model, detector.weights=FOLDER.
        sigma: standard deviation of the noise, in units of the image ([0, 1] per channel).
        copies: noisy copies whose votes are counted; 100 prove at most a radius of 1.5 sigma.
        alpha: chance that one certificate is wrong.
        bpcer: BPCER on dev captures at which the threshold of the smoothed detector is set.
        modalities: sensors whose pixels an attacker reaches.
        samples: captures of each class and split, or photos, at most.
        batch: copies computed at once.
        aligner: the face finder of photos.
        seed: of the noise and of the choice.
        device: where the model computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what its own settings say, float32 for most.
        out: folder for certified.json, certified.md, and for a detector certified.svg and certified.parquet.
    """
    check_device(device)
    main = "detector" if recognizer is None else "recognizer"
    parts = settled(set, main=main, components={"detector": detector, "recognizer": recognizer})
    detector, recognizer = parts["detector"], parts["recognizer"]
    check_detectors([detector] if detector else [])
    check_recognizers([recognizer] if recognizer else [])
    check_sets([source])
    from facewarden.verbs.certify import certify as run

    made = run(
        source, detector=detector, recognizer=recognizer, sigma=sigma, copies=copies, alpha=alpha, bpcer=bpcer,
        modalities=modalities, samples=samples, batch=batch, aligner=aligner, seed=seed, device=device,
        precision=precision, out=out,
    )  # fmt: skip
    mark = " (simulated)" if made.simulated else ""
    lines = [f"not certified: {count} x {reason}" for reason, count in made.skipped.items()]
    for name, rates in made.rates.items():
        lines += [
            f"{name:<16} at radius {radius:.3f}: {rate.words}{mark}"
            for radius, rate in zip(made.radii, rates, strict=True)
        ]
    lines += [f"written: {path}" for path in made.files]
    return Outcome(made, lines)


entry = certify
