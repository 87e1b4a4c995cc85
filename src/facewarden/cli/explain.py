"""Draw where a detector of three sensors is uncertain, one heat map per sensor for each capture."""

from __future__ import annotations

from facewarden.cli.parts.checks import check_detectors, check_sets
from facewarden.cli.parts.kinds import Captures, Folder, Model
from facewarden.cli.parts.outcome import Outcome


def explain(
    captures: Captures,
    /,
    *,
    detector: Model,
    out: Folder,
    keys: tuple[str, ...] = (),
    limit: int = 8,
    block: int | None = None,
    with_faces: bool = False,
) -> Outcome:
    """Draw the uncertainty 1 - U of every patch, one picture per sensor, for some captures.

    The pictures are heat maps alone and show nobody; all sensors of a capture share one color scale.

    Args:
        captures: captures to draw.
        detector: a trained mmdg: the folder that facewarden train wrote.
        out: folder to write.
        keys: captures by key; the first ones when left out.
        limit: how many, when no keys are given; bona fide and attack presentations alternate.
        block: of the transformer, from 1; when left out, the mean over all blocks whose patches are read by others.
        with_faces: also lay the map over the gray image: such a picture shows a person.
    """
    check_detectors([detector])
    check_sets([captures])
    from facewarden.verbs.explain import explain as run

    made = run(captures, detector=detector, out=out, keys=keys, limit=limit, block=block, with_faces=with_faces)
    return Outcome(made, [f"{len(made.pictures)} heat maps: {made.out}"])


entry = explain
