"""The average face whose slow colors `slow_color` gives to other faces: its artifact folder.

    python benchmarks/slow_color_fit.py lfw:DIR [--out src/facewarden/weights/slow_color]

Made of one photo each of people of Labeled Faces in the Wild with fewer than ten photos: nobody whom cloaks or
purifiers are measured on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facewarden.core.artifact import save_artifact
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import choose_people, to_images
from facewarden.purifiers.slow_color import average_face

OUT = Path(__file__).parent.parent / "src" / "facewarden" / "weights" / "slow_color"


def fit(spec: str, out: Path, *, people: int) -> Card:
    """Write the average face of some people; its card.

    Args:
        spec: `lfw:DIR`.
        out: the artifact folder.
        people: how many.

    Raises:
        BadInputError: another set: its people may be those that purifiers are measured on.
    """
    dataset = open_dataset(spec)
    if not isinstance(dataset, Lfw):
        raise BadInputError(f"{spec} is not Labeled Faces in the Wild", hint="lfw:DIR")
    chosen = choose_people(dataset.part("train"), people=people, at_least=1, at_most=1, seed=0)
    faces = align_photos(dataset, chosen, aligner="yunet")
    about = Card(
        name="slow_color",
        summary="Replaces slow changes of color over an aligned face by those of an average face.",
        role="purifier",
        licence="Apache-2.0",
        source="benchmarks/slow_color_fit.py, seed 0: mean of aligned photos at 28 x 28 points",
        training_data=f"one photo each of {len(set(faces.person))} people of {dataset.name} with fewer than ten photos",
        intended_use="faces that are suspected of a tint; `puface_gated` chooses them with the step slow_color",
        limits="natural faces lose shading and skin color too, and recognizers find them less well; noise and warps "
        "stay (docs/results/purifier_two.md); aligned faces alone",
    )
    recipe = {"command": "benchmarks/slow_color_fit.py", "people": people, "seed": 0, "aligner": "yunet"}
    return save_artifact(out, {"average": average_face(to_images(faces.crops))}, card=about, recipe=recipe)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", help="lfw:DIR")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--people", type=int, default=1000)
    args = parser.parse_args()
    print(fit(args.set, args.out, people=args.people).training_data)


if __name__ == "__main__":
    main()
