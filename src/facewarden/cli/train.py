"""Train a detector or a purifier by a recipe; a run that was stopped resumes to the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_device, check_path, check_recipe, check_sets
from facewarden.cli.parts.kinds import Captures, Device, Folder, Precision
from facewarden.cli.parts.outcome import Outcome


def train(
    recipe: Annotated[str, "RECIPE"] = "multi_cnn",
    /,
    *,
    out: Folder,
    captures: Captures | None = None,
    data: tuple[Captures, ...] = (),
    protocol: Annotated[str, "PROTOCOL"] | None = None,
    pairs: Folder | None = None,
    start: Folder | None = None,
    seed: int = 0,
    epochs: int | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
    workers: int | None = None,
    track: tuple[Literal["tensorboard", "mlflow", "wandb"], ...] = (),
    resume: bool = False,
) -> Outcome:
    """Train a detector or a purifier and write its folder: weights, card, recipe, decision rule and results.

    A detector learns from the train split, its threshold is set on dev, and test is measured once, at the end. A
    purifier learns from pairs of natural and cloaked faces. Started by torchrun or accelerate launch, several processes
    train together: torchrun --nproc-per-node 2 -m facewarden train RECIPE --out FOLDER.

    Args:
        recipe: name of a recipe of the package (facewarden list recipes), or the path of a JSON file.
        out: folder to write; `run` inside it holds captures, log and checkpoints and may be deleted afterwards.
        captures: captures that a detector learns from, instead of simulated ones.
        data: several sets of captures at once.
        protocol: assigns domains to train, dev and test: a name of facewarden list protocols, NAME:ARGUMENT, or a short
            name such as cps_w (which needs the published sets in --data) or abc_d; without it, the captures' own splits
            stay.
        pairs: folder of facewarden cloak-pairs that a purifier learns from.
        start: folder of a trained purifier of the same network to continue from; otherwise the weights are random.
        seed: of captures, initial weights and all random choices.
        epochs: instead of the recipe's number.
        device: where to train: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what the training computes in: auto (bfloat16 where it is native), float32 or bfloat16; left out,
            what the recipe says.
        workers: processes that prepare batches; left out, as many as suit the device. They change no bit.
        track: programs that also get the numbers of every epoch, kept below run/tracking on this machine.
        resume: continue a run that was stopped; it ends with the same bits.
    """
    check_device(device)
    check_recipe(recipe)
    check_sets([captures, *data])
    check_path(pairs)
    check_path(start)
    import json

    from facewarden.training.parts.ranks import launched
    from facewarden.verbs.train import RESULTS
    from facewarden.verbs.train import train as run

    folder = run(
        recipe,
        out=out,
        captures=None if captures is None else Path(captures),
        data=data,
        protocol=protocol,
        pairs=pairs,
        start=start,
        seed=seed,
        epochs=epochs,
        device=device,
        precision=precision,
        workers=workers,
        track=track,
        resume=resume,
    )
    if not launched().first:
        return Outcome({}, [])  # the first process tells
    results = folder / RESULTS
    found = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    notes = (*found.get("notes", ()), *found.get("audit", {}).get("sentences", ()))
    lines = [f"note: {note}" for note in notes]
    lines.append(f"model: {folder} (use it with --detector {folder})")
    return Outcome({"out": folder, "results": found}, lines)


entry = train
