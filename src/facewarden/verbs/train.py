"""Train by a recipe: get captures or pairs, learn, set the threshold on dev, measure on test, write the folder."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from facewarden.core.artifact import CARD, WEIGHTS, refuse_other_model, save_artifact
from facewarden.core.compute.computing import Placement
from facewarden.core.compute.device import resolve_device
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import locking
from facewarden.core.identity.code_version import code_of
from facewarden.core.identity.given import PathLike, maybe_path, path_of, several
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.data.captures import open_captures
from facewarden.data.content import captures_hash
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.manifest_split import ManifestSplit
from facewarden.training.detector import DetectorTraining, started_detector
from facewarden.training.head_results import learned_heads, measure_heads
from facewarden.training.loop import LOG
from facewarden.training.parts.ranks import by_the_first, join_ranks, process_device
from facewarden.training.protocol_splits import audit_of, check_simulated, with_protocol
from facewarden.training.purifier import train_purifier
from facewarden.training.purifier_recipe import is_purifier_recipe, read_purifier_recipe
from facewarden.training.recipe import OLD_KEYS, Recipe, read_recipe
from facewarden.training.recipe_files import recipe_of_today
from facewarden.training.results import dev_rule, measure, sentence
from facewarden.training.trackers.parts.base import TrackedRun, check_trackers, tracked

RESULTS, COMMAND = "results.json", "command.json"
_CAPTURES = "captures"


@locking
def train(
    recipe: PathLike = "multi_cnn",
    /,
    *,
    out: PathLike,
    captures: PathLike | None = None,
    data: PathLike | Sequence[PathLike] = (),
    protocol: str | None = None,
    pairs: PathLike | None = None,
    start: PathLike | None = None,
    seed: int = 0,
    epochs: int | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int | None = None,
    track: Sequence[str] = (),
    resume: bool = False,
) -> Path:
    """Train a detector or a purifier and write its folder: weights, card, recipe, decision rule and results.

    A detector learns from the train split, its threshold is set on dev, and test is only measured on, once, at the end.
    A purifier learns from pairs of natural and cloaked faces. Processes that `torchrun` or `accelerate launch` started
    train together: the first one owns the folder, which all of them must see.

    Args:
        recipe: name of a recipe of the package, or the path of a JSON file.
        out: folder to write; `run` inside it holds captures, log and checkpoints and may be deleted afterwards.
        captures: a manifest, or NAME:PATH of a published set, that a detector learns from, instead of simulating.
        data: the same, several sets at once.
        protocol: assigns the captures to train, dev and test: a name of `facewarden list protocols`, NAME:ARGUMENT, or
            a short name such as cps_w (which needs the published sets in `data`) or abc_d; left out, the captures' own
            splits stay.
        pairs: folder of facewarden cloak-pairs that a purifier learns from.
        start: trained weights of the same network to go on from: a folder that `facewarden train` wrote, or a detector
            of the package by its name; left out, those that the recipe begins with.
        seed: decides captures, initial weights and every draw.
        epochs: another number than the recipe's.
        device: where to train: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what the training computes in: auto (bfloat16 where it is native), float32 or bfloat16; left out,
            what the recipe says.
        workers: processes that prepare batches; left out, as many as suit the device. They change no bit.
        track: programs that also get the numbers of every epoch: tensorboard, mlflow, wandb. What they write is below
            `run/tracking`, on this machine; none of them can stop the training.
        resume: go on with a run that was killed; it ends with the same bits.

    Returns:
        `out`.

    Raises:
        BadInputError: the folder holds another run, the captures lack a split or a class, or the device is not there.
    """
    resolve_device(device)  # an absent one is told before anything is read
    check_trackers(track)
    here = join_ranks(device)
    recipe, out, captures = os.fspath(recipe), path_of(out), maybe_path(captures)
    pairs, start = maybe_path(pairs), maybe_path(start)
    several_sets: tuple[PathLike, ...] = several(data)
    sets = tuple(os.fspath(one) for one in several_sets)
    if is_purifier_recipe(recipe):
        if captures is not None or sets or protocol is not None:
            raise BadInputError(f"recipe {recipe!r} learns from pairs, not from captures", hint="--pairs DIR")
        purifier = read_purifier_recipe(recipe).with_epochs(epochs).with_precision(precision)
        about = {**purifier.plain(), "seed": seed}
        with tracked(track if here.first else (), _tracked_run(out, about)):
            return train_purifier(purifier, out=out, pairs=pairs, seed=seed, device=device, resume=resume, start=start)
    if pairs is not None:
        raise BadInputError(f"recipe {recipe!r} trains a detector, which takes no pairs", hint="--captures MANIFEST")
    plan = read_recipe(recipe).with_epochs(epochs).with_precision(precision)
    manifest = _given(captures, sets)
    source: Any = "simulated" if manifest is None else manifest.name
    written = {**plan.plain(), "seed": seed, "source": source}
    before = None if start is None else started_detector(str(start), plan)
    if before is not None:
        written["start"] = before.card.sha256[WEIGHTS]
    if protocol is not None:
        written["protocol"] = protocol
        # before the folder is claimed and minutes of simulation: the protocol may not be one, or not for these captures
        if manifest is None:
            check_simulated(protocol, plan.simulated.seeded(_captures_seed(seed)), seed=seed)
        else:
            manifest = with_protocol(manifest, protocol, seed=seed)
    if manifest is not None:
        _check_splits(manifest)
    computed = Placement(process_device(device) or device).resolved(plan.training.precision)
    options = {"--captures": captures, "--protocol": protocol, "--start": start, "--epochs": epochs,
               "--precision": precision}  # fmt: skip
    command = _command(recipe, out=out, data=sets, seed=seed, options=options)
    folder = out / "run"
    run: RunFolder | None = None

    def begin() -> bool:
        """Claim the folder and simulate what is learned from; whether anything is left to do."""
        nonlocal run
        refuse_other_model(out)
        inputs = {} if manifest is None else {"captures": captures_hash(manifest)}
        run = RunFolder(
            folder, recipe=written, code=code_of("train"), resume=resume, inputs=inputs, computed=computed,
            today=partial(recipe_of_today, old_keys=OLD_KEYS),
        )  # fmt: skip
        write_json(folder / COMMAND, {"command": command})
        if run.done and (out / CARD).is_file():
            return False
        if manifest is None:
            _simulate(plan, folder / _CAPTURES, seed)
        return True

    if not by_the_first(begin):
        return out
    if manifest is None:
        manifest = replace(Manifest.read(folder / _CAPTURES), name="simulated captures")
        manifest = manifest if protocol is None else with_protocol(manifest, protocol, seed=seed)
        _check_splits(manifest)
    assigned = manifest  # every file is read for it: once a run, not once a try
    audit = run.stage("audit", lambda: audit_of(assigned)) if protocol is not None and run is not None else {}
    started = time.perf_counter()
    training = DetectorTraining(plan, seed=seed, model=before)
    model = training.model
    crops = training.crops(manifest)
    with tracked(track if here.first else (), _tracked_run(out, written)):
        training.fit(crops, run=folder, device=device, workers=workers, dev=training.dev_views(manifest))
    if run is None:
        return out  # the first process measures and writes
    seconds = time.perf_counter() - started
    weights = training.weights()
    rule = dev_rule(model, manifest, policy=plan.policy)
    results = measure(model, manifest, rule=rule, seed=seed)
    if learned_heads(model) or "live" in model.heads:
        results["heads"] = measure_heads(model, manifest.where(split="test"), seed=seed)
    counts = {
        "samples": len(crops),
        "subjects": len(set(crops.subject)),
        "unreadable": len(crops.skipped),
        "seconds_of_training": round(seconds, 1),
        **({"processes": here.count} if here.count > 1 else {}),
    }
    kind = "*simulated* (rendered by facewarden; no real person, no real sensor)" if manifest.simulated else "as given"
    learned = f"{counts['samples']} captures of {counts['subjects']} people"
    begun = None if before is None else before.card
    card = training.card(
        summary=plan.summary,
        source=f"facewarden train, recipe of {plan.entry}, seed {seed}"
        + (f", from weights that were trained before: {begun.source}" if begun is not None else ""),
        training_data=f"{learned}, {manifest.name}: {plan.training_data or kind}"
        + (f"; before that: {begun.training_data}" if begun is not None else ""),
        limits=f"{plan.limits}. {sentence(results)}",
    )
    save_artifact(out, weights, card=card, recipe=written, rule=rule)
    told = {"notes": list(manifest.notes), "audit": audit} if audit else {"notes": list(manifest.notes)}
    write_json(out / RESULTS, {**results, **told, "training": counts})
    run.finish(counts)
    return out


def _tracked_run(out: Path, settings: Mapping[str, Any]) -> TrackedRun:
    log = out / "run" / LOG
    first = len(log.read_text(encoding="utf-8").splitlines()) if log.is_file() else 0
    return TrackedRun(out / "run" / "tracking", out.name, settings, first)


def _command(recipe: str, *, out: Path, data: tuple[str, ...], seed: int, options: Mapping[str, object]) -> str:
    """The command line that makes this run again."""
    words = ["facewarden", "train", recipe, *(["--data", *data] if data else [])]
    for option, value in options.items():
        words += [] if value is None else [option, str(value)]
    return shlex.join([*words, "--out", str(out), "--seed", str(seed)])


def _given(captures: Path | None, data: tuple[str, ...]) -> Manifest | None:
    """What was named to learn from; None to simulate."""
    if captures is not None and data:
        raise BadInputError("captures and data name two things to learn from", hint="name all sets in --data")
    if captures is not None:
        return open_captures(captures)
    if len(data) < 2:
        return open_captures(data[0]) if data else None
    sets = [open_captures(source) for source in data]
    return Manifest.joined(sets, name=" + ".join(item.name for item in sets))


def _check_splits(manifest: Manifest) -> None:
    """Refuse, before the training, splits on which its result could not be measured, or would be too good.

    Raises:
        BadInputError: a split is empty, or dev or test lacks a class.
        LeakError: a subject is in two splits.
    """
    for split in ("train", "dev", "test"):
        if not len(manifest.where(split=split)):
            raise BadInputError(
                f"{manifest.name}: no rows of split {split!r}",
                hint="facewarden data split CAPTURES --out FILE.csv draws all three by subject",
            )
    try:
        ManifestSplit().assign(manifest)
    except FacewardenError as error:
        raise type(error)(f"{manifest.name}: {error.message}", hint=error.hint) from error


def _captures_seed(seed: int) -> int:
    return derive(seed, "training captures")


def _simulate(plan: Recipe, folder: Path, seed: int) -> None:
    from facewarden.data.simulate import simulate

    settings = plan.simulated
    simulate(folder, settings.seeded(_captures_seed(seed)), workers=settings.workers)
