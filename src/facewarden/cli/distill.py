"""Distill a trunk for small machines from face recognizers and an ImageNet network."""

from __future__ import annotations

from typing import Annotated

from facewarden.cli.parts.checks import check_device, check_recipe, check_sets
from facewarden.cli.parts.kinds import Device, Faces, Folder, Precision
from facewarden.cli.parts.outcome import Outcome


def distill(
    recipe: Annotated[str, "RECIPE"] = "face_vit",
    /,
    *,
    out: Folder,
    faces: Faces,
    seed: int = 0,
    epochs: int | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
    resume: bool = False,
) -> Outcome:
    """Distill a trunk and write its folder: weights in half precision, card, recipe and results.

    Of LFW only people with fewer than ten photos are used. One person in ten, by a hash of the name, is held out; pairs
    of their photos show how well the trunk verifies.

    Args:
        recipe: name of a recipe of the package, or the path of a JSON file.
        out: folder to write; `run` inside it holds the teachers' outputs, log and checkpoints.
        faces: photos of people: lfw:FOLDER, or a folder with one folder per person.
        seed: of initial weights and all random choices.
        epochs: instead of the recipe's number.
        device: where to train: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what the training computes in: auto (bfloat16 where it is native), float32 or bfloat16; left out,
            what the recipe says.
        resume: continue a run that was stopped; it ends with the same bits.
    """
    check_device(device)
    check_recipe(recipe)
    check_sets([faces])
    from facewarden.verbs.distill import distill as run

    folder = run(
        recipe, out=out, faces=faces, seed=seed, epochs=epochs, device=device, precision=precision, resume=resume
    )
    return Outcome({"out": folder}, [f"trunk: {folder} (use it as the setting `trunk` of a detector's recipe)"])


entry = distill
