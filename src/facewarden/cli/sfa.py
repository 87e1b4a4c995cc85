"""Train the generators with which SFA moves the point where attacks on a detector read their gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.cli.parts.checks import check_detectors, check_device, check_sets
from facewarden.cli.parts.kinds import Captures, Device, Folder, Model, Name, Precision, Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.settings import settled


def sfa(
    captures: Captures,
    /,
    *,
    detector: Model,
    set: tuple[Setting, ...] = (),
    out: Folder,
    target: Literal["keep", "flip"] = "keep",
    cap: float = 3.0,
    gate: bool = True,
    widths: tuple[int, ...] = (16, 32, 64),
    radius: int = 1,
    heads: tuple[Name, ...] = (),
    epochs: int = 5,
    patience: int = 0,
    samples: int = 1200,
    seed: int = 0,
    device: Device = "auto",
    precision: Precision | None = None,
    resume: bool = False,
) -> Outcome:
    """Train the two generators of SFA on the train split of captures.

    Args:
        captures: captures whose train rows are learned from.
        detector: whose decision they learn to move towards or across; its weights stay.
        set: settings of the detector, key=value.
        out: folder to write; `run` inside it holds checkpoints and may be deleted afterwards.
        target: keep trains towards the decision boundary without crossing it, flip across it.
        cap: largest value of the map in gray levels; at most a few times the eps of the attacks to come.
        gate: let both generators act everywhere, instead of the local binary pattern choosing between them.
        widths: channels of each generator at half, quarter … size; their number is its depth.
        radius: of the local binary pattern, in pixels.
        heads: of a multitask detector, whose losses are added to that of the decision.
        epochs: passes over the samples, at most.
        patience: stop when the loss on the dev split has not fallen by 1 % for so many epochs, and keep the generators
            of the lowest; 0 trains all epochs.
        samples: captures to learn from at most, as many of each class as there are; 0 for the whole train split.
        seed: of samples, weights and order.
        device: where to train: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what the detector computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left
            out, what its own settings say, float32 for most.
        resume: continue a run that was stopped; it ends with the same bits.
    """
    check_device(device)
    detector = settled(set, main="detector", components={"detector": detector})["detector"]
    check_detectors([detector])
    check_sets([captures])
    from facewarden.verbs.sfa import sfa as run

    result = run(
        Path(captures),
        detector=detector,
        out=out,
        target=target,
        cap=cap,
        gate=gate,
        widths=widths,
        radius=radius,
        heads=heads,
        epochs=epochs,
        patience=patience,
        samples=samples,
        seed=seed,
        device=device,
        precision=precision,
        resume=resume,
    )
    lines = [
        f"epoch {number}: loss {line['loss']:.4f}"
        + (f", held out {line['held_out_loss']:.4f}" if "held_out_loss" in line else "")
        + f", map at {line['size']:.0%} of its cap, {line['saturated']:.0%} of it saturated"
        for number, line in enumerate(result.log, start=1)
    ]
    lines.append(f"generators: {result.out} (use them with facewarden attack --sfa {result.out})")
    return Outcome(result, lines)


entry = sfa
