"""What purifiers change in natural faces and in ordinarily edited ones, as recognizers see it.

    python benchmarks/purified_edits.py lfw:DIR --out docs/results/purifier_two/edits.json

One photo each of the people of the sealed test of `puface_gated`. Every edit is at a strength that no detector of
cloaks learned, on the aligned crop. The cosine is that of the edited face before and after the purifier.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.progress import track
from facewarden.core.resolve import resolve_purifier, resolve_recognizer
from facewarden.core.roles import Purifier, Recognizer
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.experiments.cloaking.population import is_sealed
from facewarden.metrics.shares import share_bounds
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import choose_people, embed_all, purify, to_images
from facewarden.training.edits import KINDS_HELD_OUT, edited

PURIFIERS = ("puface", "puface_broad", "puface_gated", "unwarp")
RECOGNIZERS = ("mobilefacenet_512", "dlib_resnet34", "mobilefacenet_128", "faceres", "sface", "facenet_inception")
SEED = 0


def sealed_faces(spec: str) -> NDArray[np.uint8]:
    """One aligned face of every sealed person, `(n, 112, 112, 3)`.

    Raises:
        BadInputError: another set than Labeled Faces in the Wild.
    """
    dataset = open_dataset(spec)
    if not isinstance(dataset, Lfw):
        raise BadInputError(f"{spec} is not Labeled Faces in the Wild", hint="lfw:DIR")
    pool = [photo for photo in dataset.part("users") if is_sealed(photo.identity)]
    chosen = choose_people(pool, people=10**6, at_least=1, at_most=1, seed=SEED)
    return np.asarray(align_photos(dataset, chosen, aligner="yunet").crops)


def measured(
    faces: NDArray[np.uint8], purifiers: Sequence[Purifier], recognizers: Sequence[Recognizer]
) -> dict[str, Any]:
    """Median cosines, of all faces and of those that change visibly, and the share of the latter, by edit.

    Args:
        faces: `(n, 112, 112, 3)`, natural.
        purifiers, recognizers: which.
    """
    edits = [("no edit", 0.0)] + [(name, value) for name, values in KINDS_HELD_OUT.items() for value in values]
    rows: list[dict[str, Any]] = []
    for name, value in track(edits, label="edits", unit="edits"):
        crops = faces if name == "no edit" else np.stack([edited(one, name, value, seed=SEED) for one in faces])
        images = to_images(crops)
        before = {one.card.name: embed_all(one, images, batch=32) for one in recognizers}
        row: dict[str, Any] = {"edit": name if name == "no edit" else f"{name} {value:g}"}
        for purifier in purifiers:
            after = purify(purifier, images)
            moved = (after - images).abs().flatten(1).mean(dim=1) * 255 > 2.0
            count = int(moved.sum())
            low, high = share_bounds(moved.double().numpy(), np.ones(len(images)))
            each = {
                one.card.name: (embed_all(one, after, batch=32) * before[one.card.name]).sum(axis=1)
                for one in recognizers
            }
            cosines = {model: float(np.median(values)) for model, values in each.items()}
            seen = [float(np.median(values[moved.numpy()])) for values in each.values() if count]
            row[purifier.card.name] = {
                "changed": {"value": count / len(images), "low": low, "high": high},
                "cosine": cosines,
                "lowest": min(cosines.values()),
                "lowest_of_changed": min(seen, default=None),
            }
        rows.append(row)
    worst = {one.card.name: min(row[one.card.name]["lowest"] for row in rows[1:]) for one in purifiers}
    return {"people": len(faces), "rows": rows, "worst_edit": worst, "seed": SEED}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", help="lfw:DIR")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    purifiers = [resolve_purifier(name) for name in PURIFIERS]
    recognizers = [resolve_recognizer(name) for name in RECOGNIZERS]
    found = measured(sealed_faces(args.set), purifiers, recognizers)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.out, found)
    print(f"worst edit: {found['worst_edit']}")


if __name__ == "__main__":
    main()
