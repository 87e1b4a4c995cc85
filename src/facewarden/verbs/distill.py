"""Distill a trunk: a small vision transformer that learns from recognizers and an ImageNet network, by a recipe."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import MinLen
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.artifact import CARD, refuse_other_model, save_artifact, weights_of
from facewarden.core.card import Card
from facewarden.core.compute.computing import Placement
from facewarden.core.compute.device import device_of, resolve_device
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import locking
from facewarden.core.identity.code_version import code_of
from facewarden.core.identity.given import PathLike, path_of
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_recognizer
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.core.settings import Count, Text, read_settings
from facewarden.data.content import photos_hash
from facewarden.data.datasets import Dataset, FacePhoto, open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.text import counted_reasons
from facewarden.metrics.verification import verification_of_vectors
from facewarden.nn.trunk import ROLE, TrunkShape, trunk_settings
from facewarden.photos.distillation_data import Teachers, drawn_views, of_kind, photo_views
from facewarden.training.distill.changes import still
from facewarden.training.distill.distillation_data import DistillationViews, centered, join
from facewarden.training.distill.loop import DistillSettings, distill_student
from facewarden.training.distill.student import Student
from facewarden.training.parts.ranks import launched
from facewarden.training.recipe_files import FOLDER, RecipeFiles, recipe_of_today

RESULTS = "results.json"
_FILES = RecipeFiles(FOLDER.parent / "distill" / "recipes", what="distillation recipe", model="face_vit")
_LOG = logging.getLogger("facewarden")


@dataclass(frozen=True)
class DistillRecipe:
    """Everything but photos and seed that decides a distillation.

    Attributes:
        summary: for the card.
        shape: of the trunk.
        teachers: recognizers whose embeddings the class token must tell.
        components: of the feature map of EfficientNet-Lite0 that the patches must tell.
        people, shots: how many drawn people are captured, and how often each.
        held_out: one person in so many is kept for measuring.
        training: how to learn.
    """

    summary: str
    shape: TrunkShape
    teachers: Annotated[tuple[Text, ...], MinLen(1)]
    components: Count = 192
    people: Count = 240
    shots: Count = 6
    held_out: Count = 10
    training: DistillSettings = field(default_factory=DistillSettings)


@locking
def distill(
    recipe: PathLike = "face_vit",
    /,
    *,
    out: PathLike,
    faces: PathLike,
    seed: int = 0,
    epochs: int | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    resume: bool = False,
) -> Path:
    """Distill a trunk and write its folder: weights in half precision, card, recipe and results.

    Of LFW only people with fewer than ten photos are used. One person in ten, by a hash of the name, is not learned
    from; pairs of their photos tell how well the trunk verifies.

    Args:
        recipe: name of a recipe of the package, or the path of a JSON file.
        out: folder to write; `run` inside it holds the teachers' answers, log and checkpoints.
        faces: photos of people: lfw:DIR, or a folder with one folder per person.
        seed: decides initial weights and every draw.
        epochs: another number than the recipe's.
        device: where to train: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what the training computes in: auto (bfloat16 where it is native), float32 or bfloat16; left out,
            what the recipe says.
        resume: go on with a run that was killed; it ends with the same bits.

    Returns:
        `out`.

    Raises:
        BadInputError: the folder holds another run, or there are too few faces.
        MissingAssetError: a teacher is not fetched.
    """
    if (many := launched().count) > 1:
        raise BadInputError(f"a distillation runs in one process, not in {many}", hint="without torchrun")
    home = resolve_device(device)
    out = path_of(out)
    plan = read_distill_recipe(os.fspath(recipe))
    training = plan.training if epochs is None else replace(plan.training, epochs=epochs)
    training = training if precision is None else replace(training, precision=precision)
    dataset = open_dataset(os.fspath(faces))
    written = {**asdict(plan), "training": asdict(training), "seed": seed, "faces": dataset.name}
    computed = Placement(home).resolved(training.precision)
    refuse_other_model(out)
    inputs = {"faces": photos_hash(dataset.photos())}
    run = RunFolder(
        out / "run", recipe=written, code=code_of("distill"), resume=resume, today=recipe_of_today, inputs=inputs,
        computed=computed,
    )  # fmt: skip
    if run.done and (out / CARD).is_file():
        return out
    cache = run.path / "teachers"
    cache.mkdir(exist_ok=True)
    photos, drawn, skipped = _collect(plan, dataset, cache, seed=seed)
    here = [held_out(person, plan.held_out) for person in photos.person]
    learned = photos.select([row for row, held in enumerate(here) if not held])
    judged = photos.select([row for row, held in enumerate(here) if held])
    teachers = {name: value.shape[1] for name, value in photos.embeddings.items()}
    student = Student(plan.shape, teachers=teachers, components=plan.components, seed=derive(seed, "distill"))
    started = time.perf_counter()
    views = {kind: centered(held) for kind, held in {"photo": learned, **drawn}.items()}
    log = distill_student(student, views, settings=training, seed=seed, run=run.path, device=home)
    weights = weights_of(student.trunk, "float16")
    results = {
        "verification": verification(student, judged, teachers=plan.teachers, seed=seed),
        "last_epoch": log[-1],
        "photos": len(learned),
        "people": len(set(learned.person)),
        "drawn": {kind: len(views) for kind, views in drawn.items()},
        "left_out": skipped,
        "seconds_of_training": round(time.perf_counter() - started, 1),
    }
    save_artifact(out, weights, card=_card(plan, results, dataset, seed=seed), recipe=written)
    write_json(out / RESULTS, results)
    run.finish({"photos": len(learned)})
    return out


def read_distill_recipe(name: str) -> DistillRecipe:
    """Read a recipe.

    Args:
        name: of one in the package, or the path of a JSON file.

    Raises:
        UnknownEntryError: the package has none of that name.
        BadInputError: the file is not a recipe.
    """
    return read_settings(DistillRecipe, _FILES.read(name), source=str(_FILES.path(name)))


def _check_sides(photos: DistillationViews, *, one_in: int) -> None:
    """Refuse faces of which too few people are on a side, before hours of training and not after them."""
    judged = {photos.person[row] for row in _of_several(photos.person) if held_out(photos.person[row], one_in)}
    learned = {person for person in photos.person if not held_out(person, one_in)}
    if not learned or len(judged) < 2:
        raise BadInputError(
            f"{len(learned)} people are learned from, and {len(judged)} with two photos are left to measure "
            f"on: one person in {one_in} is held out, by a hash of the name",
            hint=f"more people in --faces, {10 * one_in} or more, with several photos each; or a recipe with a smaller "
            "held_out",
        )


def held_out(person: str, one_in: int) -> bool:
    """Whether a person is kept for measuring, by a hash of the name: the same people whatever else is there."""
    return derive(0, "distill", "held out", person) % one_in == 0


def verification(student: Student, views: DistillationViews, *, teachers: Sequence[str], seed: int) -> dict[str, Any]:
    """How well people who were not learned from are told apart: the class token, the same from gray, and the teachers.

    Returns:
        By name the equal error rate and its interval, and how many pairs there were.
    """
    rows = _of_several(views.person)
    if len(set(np.array(views.person)[rows].tolist())) < 2:
        raise BadInputError("too few people with two photos to measure on", hint="more people in --faces")
    held = views.select(rows)
    color = held.pixels.float() / 255
    gray = color.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    said = {"trunk": _class_tokens(student, color), "trunk_gray": _class_tokens(student, gray)}
    said |= {name: held.embeddings[name].double().numpy() for name in teachers}
    return {name: _judged(vectors, held.person, seed=seed) for name, vectors in said.items()}


def _of_several(person: Sequence[str]) -> list[int]:
    counts = Counter(person)
    return [row for row, name in enumerate(person) if counts[name] > 1]


def _class_tokens(student: Student, pixels: Tensor) -> NDArray[np.float64]:
    size, device = int(student.trunk.patch_embed.img_size[0]), device_of(student)
    with torch.inference_mode():
        parts = [student.tokens(part.to(device))[:, 0].cpu() for part in torch.split(still(pixels, size=size), 32)]
    tokens = torch.cat(parts).double()
    found: NDArray[np.float64] = (tokens - tokens.mean(dim=0)).numpy()
    return found


def _judged(vectors: NDArray[np.float64], person: Sequence[str], *, seed: int) -> dict[str, Any]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found, pairs = verification_of_vectors(unit, np.array(person), seed=seed, rounds=200)
    tar = {f"tar_at_far_{far:g}": asdict(interval) for far, interval in found.tar}
    return {"genuine": pairs.genuine, "impostor": pairs.impostor, "eer": asdict(found.eer), **tar}


def _collect(
    plan: DistillRecipe, dataset: Dataset, cache: Path, *, seed: int
) -> tuple[DistillationViews, dict[str, DistillationViews], dict[str, int]]:
    models = {name: resolve_recognizer(name) for name in plan.teachers}
    side = round(plan.shape.size * 8 / 7)
    teachers = Teachers(models, components=plan.components, basis=cache / "basis.safetensors", side=side)
    people: tuple[FacePhoto, ...] = dataset.part("train") if isinstance(dataset, Lfw) else dataset.photos()
    parts, skipped = photo_views(people, finder=load("align", "yunet")(), teachers=teachers, folder=cache)
    if not parts:
        raise BadInputError(
            f"no face could be used of {len(people)} photos: {counted_reasons(skipped)}", hint="facewarden data check"
        )
    if skipped:
        _LOG.warning("%d photos are not learned from: %s", sum(skipped.values()), counted_reasons(skipped))
    photos = join(parts)
    _check_sides(photos, one_in=plan.held_out)
    drawn = drawn_views(plan.people, shots=plan.shots, teachers=teachers, seed=seed, folder=cache)
    kinds = {"depth": join(list(of_kind(drawn, "depth"))), "infrared": join(list(of_kind(drawn, "infrared")))}
    return photos, kinds, skipped


def _card(plan: DistillRecipe, results: Mapping[str, Any], dataset: Dataset, *, seed: int) -> Card:
    drawn = sum(results["drawn"].values())
    return Card(
        name="face_vit",
        summary=plan.summary,
        role=ROLE,
        licence="Apache-2.0; learned from models and photos whose own terms are in `training_data`",
        source=f"facewarden distill, seed {seed}; teachers {', '.join(plan.teachers)} and EfficientNet-Lite0",
        training_data=(
            f"{results['photos']} photos of {results['people']} people of {dataset.name} and {drawn} *simulated* depth "
            "and infrared views of bona fide presentations before sensors drawn at random"
        ),
        intended_use="a trunk for detectors with small inputs; not a recognizer",
        limits=_sentence(results["verification"]),
        settings=trunk_settings(plan.shape),
    )


def _sentence(found: Mapping[str, Any]) -> str:
    def rate(name: str) -> str:
        return f"{found[name]['eer']['value']:.1%} [{found[name]['eer']['low']:.1%}, {found[name]['eer']['high']:.1%}]"

    teachers = ", ".join(f"{name} {rate(name)}" for name in found if not name.startswith("trunk"))
    pairs = f"{found['trunk']['genuine']} genuine and {found['trunk']['impostor']} impostor pairs"
    return (
        f"On {pairs} of people that it has not learned from, the class token's equal error rate is {rate('trunk')}, "
        f"from gray images {rate('trunk_gray')} (teachers: {teachers}). It has seen no attack and none of "
        "the simulated sensor domains"
    )
