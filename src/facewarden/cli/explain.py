"""Draw where a detector of three sensors is uncertain, one heat map per sensor for each capture."""

from __future__ import annotations

from facewarden.cli.parts.checks import check_detectors, check_device, check_sets
from facewarden.cli.parts.kinds import Captures, Device, Folder, Model, Precision, Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.settings import settled


def explain(
    captures: Captures,
    /,
    *,
    detector: Model,
    set: tuple[Setting, ...] = (),
    out: Folder,
    keys: tuple[str, ...] = (),
    limit: int = 8,
    block: int | None = None,
    with_faces: bool = False,
    device: Device = "auto",
    precision: Precision | None = None,
) -> Outcome:
    """Draw the uncertainty 1 - U of every patch, one picture per sensor, for some captures.

    The pictures are heat maps alone and show nobody; all sensors of a capture share one color scale.

    Args:
        captures: captures to draw.
        detector: a trained mmdg: the folder that facewarden train wrote.
        set: settings of the detector, key=value.
        out: folder to write.
        keys: captures by key; the first ones when left out.
        limit: how many, when no keys are given; bona fide and attack presentations alternate.
        block: of the transformer, from 1; when left out, the mean over all blocks whose patches are read by others.
        with_faces: also lay the map over the gray image: such a picture shows a person.
        device: where the detector computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what its own settings say, float32 for most.
    """
    check_device(device)
    detector = settled(set, main="detector", components={"detector": detector})["detector"]
    check_detectors([detector])
    check_sets([captures])
    from facewarden.verbs.explain import explain as run

    made = run(
        captures, detector=detector, out=out, keys=keys, limit=limit, block=block, with_faces=with_faces,
        device=device, precision=precision,
    )  # fmt: skip
    return Outcome(made, [f"{len(made.pictures)} heat maps: {made.out}"])


entry = explain
