"""Cloak faces of people who appear in no evaluation: the pairs that a purifier learns from."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.align import face_region
from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.finite import NO_VECTOR
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.shards import note_input, shard_call, share
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.files import remove_stale, write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.lock import LOCK, hold, locking
from facewarden.core.identity.given import PathLike, path_of
from facewarden.core.identity.inputs import check_inputs, hash_of
from facewarden.core.objective import Images, Objective, TransformedObjective
from facewarden.core.progress import track
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_recognizer
from facewarden.core.roles import Recognizer
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel
from facewarden.data.content import photos_hash
from facewarden.data.datasets import Dataset, FacePhoto, open_dataset
from facewarden.data.results import Result
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import AlignedFaces
from facewarden.scale.record import sharded
from facewarden.training.pairs import CloakKind, photos_of_shard, write_shard
from facewarden.training.purifier_recipe import read_purifier_recipe

_RECORD = "pairs.json"


@dataclass(frozen=True, repr=False)
class PairsResult(Result):
    """What was made.

    Attributes:
        folder: where the files are.
        done: files written by this call.
        kept: files that were there.
        pairs: pairs written by this call.
        skipped: reason -> photos, of this call.
        computed: device and precision of the recognizers, in this call.
    """

    folder: Path
    done: int
    kept: int
    pairs: int
    skipped: dict[str, int]
    computed: dict[str, str] = field(default_factory=dict)


@computes
@locking
@sharded("cloak-pairs", of="files", apart=("faces",))
def pairs(
    faces: PathLike,
    /,
    *,
    out: PathLike,
    recipe: PathLike = "puface",
    photos: int = 3000,
    first: int = 0,
    per_file: int = 48,
    batch: int = 12,
    seed: int = 0,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
) -> PairsResult:
    """Make pairs of natural and cloaked faces; a stopped call goes on where it was, and several may share the work.

    Of Labeled Faces in the Wild only people with fewer than ten photos are taken: the others are for evaluation.

    Args:
        faces: where the photos are, lfw:PATH or another set of facewarden list datasets.
        out: folder of the files.
        recipe: training recipe of a purifier, which says how faces are cloaked.
        photos: how many photos are cloaked, chosen by seed.
        first: how many of the chosen photos are skipped before.
        per_file: photos of which the pairs are in one file.
        batch: faces cloaked at a time.
        seed: decides photos, kinds and cloaks.
        shard: I/N, such as 1/8: only this share of the files; several shares may have one `out`; left out, all.
        device: where the recognizers compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.

    Raises:
        BadInputError: no photos, or a folder of pairs made in another way.
    """
    out, recipe = path_of(out), os.fspath(recipe)
    if min(photos, per_file, batch) < 1 or first < 0:
        raise BadInputError(
            f"photos {photos}, first {first}, per_file {per_file}, batch {batch}", hint="numbers above 0"
        )
    kinds = read_purifier_recipe(recipe).pairs
    if not kinds:
        raise BadInputError(f"recipe {recipe!r} learns from no pairs", hint="a recipe with `pairs`, such as puface")
    dataset = open_dataset(os.fspath(faces))
    chosen = _chosen(dataset, seed=seed)[first : first + photos]
    if not chosen:
        raise BadInputError(f"{faces}: no photos to cloak", hint="facewarden data check DIR")
    made_so = {"kinds": [kind.plain() for kind in kinds], "shard": per_file, "seed": seed, "faces": dataset.name}
    call = shard_call("files")
    # several calls share the folder, each with a share of its own
    hold(out, name=LOCK if call is None else f".lock-{call.shard.number}-of-{call.shard.of}")
    _check_same(out, made_so if precision is None else {**made_so, "precision": precision})
    models = {name: resolve_recognizer(name) for name in dict.fromkeys(n for kind in kinds for n in kind.surrogates)}
    _check_inputs(out, _of_pairs(dataset), models)
    aligner = load("align", "yunet")()

    def named(start: int) -> str:
        return _name(first + start)

    starts = share(range(0, len(chosen), per_file), named, of="files", group=named)
    done = kept = made = 0
    skipped: Counter[str] = Counter()
    sizes = {start: len(chosen[start : start + per_file]) for start in starts}
    for start in track(starts, label="cloaking", total=sum(sizes.values()), unit="photos", size=sizes.__getitem__):
        path = out / _name(first + start)
        if path.is_file() and (photos_of_shard(path) or sizes[start]) >= sizes[start]:
            kept += 1
            continue
        crops = align_photos(dataset, chosen[start : start + per_file], aligner=aligner)
        skipped.update(crops.skipped)
        drawn = [_draw(kinds, derive(seed, "kind", key)) for key in crops.key]
        ways = [kinds[row] for row in drawn]
        cloaked, lost = cloak_crops(crops, ways, models, batch=batch, seed=derive(seed, "cloaks"))
        rows = [row for row in range(len(crops)) if row not in lost]
        skipped.update({f"{NO_VECTOR}, on the way to the cloak": len(lost)} if lost else {})
        write_shard(
            path, clean=crops.crops[rows], cloaked=cloaked[rows], person=tuple(crops.person[row] for row in rows),
            key=tuple(crops.key[row] for row in rows), kind=[ways[row].name for row in rows],
            photos=sizes[start],
        )  # fmt: skip
        done, made = done + 1, made + len(rows)
    return PairsResult(out, done, kept, made, dict(skipped), computed_by(models.values()))


def cloak_crops(
    faces: AlignedFaces, kinds: Sequence[CloakKind], models: dict[str, Recognizer], *, batch: int, seed: int
) -> tuple[NDArray[np.uint8], frozenset[int]]:
    """Cloak every crop in its own way, those of one way together.

    Returns:
        `(n, 112, 112, 3)` uint8, and the rows of crops of which a recognizer gave no vector on the way: not cloaked.
    """
    result, lost = faces.crops.copy(), list[int]()
    for kind in dict.fromkeys(kind.name for kind in kinds):
        rows = [row for row, drawn in enumerate(kinds) if drawn.name == kind]
        way = kinds[rows[0]]
        attack, eps = way.build()
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            clean, keys = faces.images(some), [faces.key[row] for row in some]
            goal = _goal(way, [models[name] for name in way.surrogates], clean, keys)
            made = attack(goal, ThreatModel(eps=eps / 255), seed=seed)
            found = made.images
            lost += [row for row, gone in zip(some, made.lost.tolist(), strict=True) if gone]
            images = _in_face(clean, found)["rgb"] if way.region == "face" else found["rgb"]
            result[some] = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return result, frozenset(lost)


def _goal(way: CloakKind, models: list[Recognizer], clean: Tensor, keys: list[str]) -> Objective:
    goal = PushAway(models, clean, keys=keys, weights=way.weights)
    return TransformedObjective(goal, lambda images: _in_face(clean, images)) if way.region == "face" else goal


def _in_face(clean: Tensor, images: Images) -> Images:
    region = torch.from_numpy(face_region()).float()
    return {"rgb": clean + region * (images["rgb"] - clean)}


def _of_pairs(dataset: Dataset) -> tuple[FacePhoto, ...]:
    """The photos that pairs may be made of."""
    part: Any = getattr(dataset, "part", None)
    photos: tuple[FacePhoto, ...] = dataset.photos() if part is None else part("train")
    return photos


def _chosen(dataset: Dataset, *, seed: int) -> tuple[FacePhoto, ...]:
    photos = _of_pairs(dataset)
    order = np.random.default_rng(derive(seed, "photos for pairs")).permutation(len(photos))
    return tuple(photos[row] for row in order.tolist())


def _draw(kinds: Sequence[CloakKind], seed: int) -> int:
    shares = np.array([kind.share for kind in kinds])
    return int(np.random.default_rng(seed).choice(len(kinds), p=shares / shares.sum()))


def _name(first: int) -> str:
    return f"pairs-{first:06d}.safetensors"


def _check_same(folder: Path, made: dict[str, Any]) -> None:
    """Raise when the folder's pairs are of another recipe, seed or `per_file`; otherwise leave the record there."""
    plain, path = json.loads(json.dumps(made)), folder / _RECORD
    try:
        remove_stale(folder)
        if path.is_file() and read_json_bounded(path) != plain:
            raise BadInputError(f"{folder} holds pairs made in another way", hint="choose another --out")
        write_json(path, plain)
    except (OSError, ValueError) as error:
        raise BadInputError(f"{folder}: cannot be used: {error}", hint="choose a writable --out") from error


def _check_inputs(folder: Path, photos: Sequence[FacePhoto], models: Mapping[str, Recognizer]) -> None:
    """Raise when the folder's pairs are of other photos, or were cloaked on other recognizers, under the same names."""
    inputs = {f"recognizer {name}": hash_of(model.card.identity()) for name, model in models.items()}
    inputs["faces"] = photos_hash(photos)
    for name, digest in inputs.items():
        note_input(name, digest)
    try:
        check_inputs(folder, inputs)
    except OSError as error:
        raise BadInputError(f"{folder}: cannot be used: {error}", hint="choose a writable --out") from error
