"""Fit the cloak detector with ordinary edits among the natural faces, and measure it on other people.

`python benchmarks/cloak_detector_edits.py lfw:PATH --out docs/results/cloak_detector_edits [--write FOLDER]`

Learned from: people on whom puface itself was not trained, one photo each, as they are, with every learned edit (of
every other face before alignment, of the others after it), and cloaked on one surrogate. Measured on: users of the set,
other strengths of every edit, two families that were never learned, and cloaks on two surrogates. `--write` takes the
purifier of a folder in place of the shipped one and puts the fitted function into its card. What is computed is kept in
`--run`, a folder for each choice of numbers below; a stopped call continues.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.align import align_face
from facewarden.core.progress import track
from facewarden.core.resolve import resolve_aligner, resolve_purifier, resolve_recognizer
from facewarden.core.seeding import derive
from facewarden.data.datasets import FacePhoto, open_dataset
from facewarden.data.photo import read_photo
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.population import crowd_of, evaluation_photos, only_looked_at
from facewarden.experiments.cloaking.small_grid import parse_cloak
from facewarden.metrics.shares import share_bounds
from facewarden.nn.residue import residue_description
from facewarden.photos.aligned import AlignedFaces, choose_people, embed_all, to_images
from facewarden.training.edits import HELD_OUT, LEARNED, edited
from facewarden.training.suspicion import fit_likelihood

BOTH = ("mobilefacenet_512", "dlib_resnet34")
LEARNED_CLOAKS = {"lowkey:8": 48, 'fawkes:high{"steps": 50}': 16}
TESTED_CLOAKS = {
    "lowkey:8": 56, 'fawkes:high{"steps": 50}': 32,
    'smooth:8{"steps": 12}': 16, 'warp:mid{"steps": 12}': 16, 'tint:mid{"steps": 12}': 16,
}  # fmt: skip
"""Cloak -> how many faces, each of another person."""
LEARNED_AFTER = (("jpeg", 65.0), ("jpeg", 85.0), ("resizing", 0.6), ("contrast", 1.3))
TESTED_AFTER = (("jpeg", 75.0), ("resizing", 0.5), ("contrast", 1.4))
"""What happens to a cloaked face before it is looked at."""
BEFORE = {
    "bias": 24.942097,
    "weights": [0.467635, 0.453833, 0.457976, 1.108695, 0.013925, -0.098555, -0.343634, 0.480759],
}
"""The function that was fitted on natural faces without edits, which the card of puface held first."""
RECOGNIZER = "dlib_resnet34"
CHUNK = 8

Crops = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Faces:
    """Photos of some people with the landmarks of the face in each, and their crops."""

    photos: tuple[Crops, ...]
    landmarks: tuple[Any, ...]
    aligned: AlignedFaces

    def edited(self, family: str, strength: float, *, before: Sequence[bool]) -> Crops:
        """Every face with one edit, of the whole photo before alignment or of the crop after it."""
        made = []
        for number, first in enumerate(before):
            seed = derive(0, family, self.aligned.key[number])
            if first:
                photo = edited(self.photos[number], family, strength, seed=seed)
                made.append(align_face(photo, self.landmarks[number]))
            else:
                made.append(edited(self.aligned.crops[number], family, strength, seed=seed))
        return np.stack(made)


def located(photos: tuple[FacePhoto, ...], *, name: str) -> Faces:
    aligner, kept = resolve_aligner("yunet"), []
    for photo in track(photos, label=f"aligning {name}", unit="photos"):
        pixels = read_photo(photo.path)
        found = aligner.locate(pixels)
        if found:
            face = max(found, key=lambda face: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))
            kept.append((pixels, face.landmarks, photo))
    crops = np.stack([align_face(pixels, at) for pixels, at, _ in kept])
    who, key = tuple(photo.identity for *_, photo in kept), tuple(photo.key for *_, photo in kept)
    aligned = AlignedFaces(crops, who, key, name, simulated=False, skipped={})
    return Faces(tuple(pixels for pixels, *_ in kept), tuple(at for _, at, _ in kept), aligned)


def cloaked(faces: Faces, text: str, *, surrogates: tuple[str, ...], run: Path, count: int) -> Crops:
    """The first faces with a cloak, a few at a time, each kept."""
    recipe: CloakRecipe = parse_cloak(text, surrogates=surrogates)
    lab = ExperimentCache(crowd_of(faces.aligned), run)
    starts = range(0, min(count, len(faces.aligned)), CHUNK)
    parts = [
        lab.cloaked(recipe, "", rows=range(start, min(start + CHUNK, count, len(faces.aligned))))
        for start in track(starts, label=text, total=len(starts), unit="groups")
    ]
    return np.concatenate(parts)


def then(crops: Crops, family: str, strength: float) -> Crops:
    return np.stack([edited(crop, family, strength, seed=number) for number, crop in enumerate(crops)])


def learning_people(spec: str, *, people: int) -> Faces:
    pool = [photo for photo in open_dataset(spec).part("train") if only_looked_at(photo.identity)]
    return located(choose_people(pool, people=people, at_least=1, at_most=1, seed=0), name="learning")


def testing_people(spec: str, *, first: int, people: int) -> Faces:
    """One photo of each; those of the first come first, so that their cloaks are found again when there are more."""
    pool = evaluation_photos(open_dataset(spec).part("users"))
    some, more = (choose_people(pool, people=count, at_least=2, at_most=1, seed=0) for count in (first, people))
    return located((*some, *(photo for photo in more if photo not in some)), name="testing")


@dataclass(frozen=True, eq=False)
class Lab:
    """What is known of a set of crops, computed once: the statistics, and how far purification moves each face."""

    run: Path
    purifier: str

    def described(
        self, name: str, make: Callable[[], Crops], *, moved: bool, clean: Crops | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """`values` `(n, k)`, and where wanted `moved` `(n,)`, one minus the cosine of a face to its purified self.

        With the natural faces of a cloak, `shift` and `shift_purified` too: one minus the cosine to them.
        """
        path = self.run / "described" / f"{name}.npz"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            purifier, images = resolve_purifier(self.purifier), to_images(make())
            with torch.no_grad():
                purified = torch.cat([purifier(part) for part in images.split(16)])
                held = {"values": residue_description(images, purified).double().numpy()}
            if moved:
                recognizer = resolve_recognizer(RECOGNIZER)
                vectors = [embed_all(recognizer, one) for one in (images, torch.round(purified * 255) / 255)]
                held["moved"] = 1.0 - (vectors[0] * vectors[1]).sum(axis=1).astype(np.float64)
                if clean is not None:
                    own = embed_all(recognizer, to_images(clean))
                    held["shift"], held["shift_purified"] = (1.0 - (own * one).sum(axis=1) for one in vectors)
            np.savez(path, **held)
        with np.load(path) as arrays:
            return {key: arrays[key] for key in arrays.files}


def suspected(values: NDArray[np.float64], fitted: dict[str, Any]) -> NDArray[np.bool_]:
    weights = np.array(fitted["weights"])
    return values[:, : len(weights)] @ weights + fitted["bias"] >= 0.0


def share(hits: NDArray[np.bool_], people: Sequence[str]) -> dict[str, Any]:
    """A share of faces with its interval over people."""
    names = sorted(set(people))
    counts = [[int(hits[[n for n, one in enumerate(people) if one == who]].sum()), people.count(who)] for who in names]
    errors, rows = np.array(counts, dtype=np.float64).T
    low, high = share_bounds(errors, rows)
    return {"share": float(hits.mean()), "low": low, "high": high, "n": len(hits), "people": len(names)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces")
    parser.add_argument("--run", type=Path, default=Path("runs/cloak_detector_edits"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    lab = Lab(options.run, "puface" if options.write is None else str(options.write))
    learning = learning_people(options.faces, people=120)
    testing = testing_people(options.faces, first=60, people=102)
    natural, cloaks = learned(lab, learning)
    rows = tested(lab, testing)
    after = fit_likelihood(natural, cloaks)
    told = {
        "faces": options.faces.partition(":")[0], "seed": 0, "recognizer": RECOGNIZER,
        "learned": {"people": len(learning.aligned), "natural": len(natural), "cloaked": len(cloaks),
                    "strengths": {family: list(values) for family, values in LEARNED.items()},
                    "cloaks": LEARNED_CLOAKS, "surrogates": [BOTH[0]]},
        "families_never_learned": sorted(set(HELD_OUT) - set(LEARNED)),
        "rows": [measured(row, before=BEFORE, after=after) for row in rows],
    }  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "edits.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    (options.out / "edits.md").write_text(page(told), encoding="utf-8")
    if options.write:
        card = options.write / "card.json"
        held = json.loads(card.read_text(encoding="utf-8"))
        held["settings"]["suspicion"] = after
        card.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def page(told: dict[str, Any]) -> str:
    """The table of all rows; the figures are those of the JSON."""
    lines = [
        "# Edited natural faces and cloaks, by the cloak detector",
        "",
        "Written by `benchmarks/cloak_detector_edits.py`; figures: [edits.json](edits.json). Before: with the function",
        "that was fitted without edits. Moved: one minus the cosine of a face to itself after purification, at the",
        f"median, by `{told['recognizer']}`, where only suspected faces are purified, and where all are.",
        "For cloaks, the last column is the same distance to the natural face, cloaked and after `puface`.",
        "",
        "| faces | n | suspected before | suspected now, 95 % interval over people | moved before, now, all | shift |",
        "|---|---|---|---|---|---|",
    ]
    for row in told["rows"]:
        new, moved = row["after"], row.get("moved_at_the_median")
        far = f"{moved['before']:.3f}, {moved['after']:.3f}, {moved['all purified']:.3f}" if moved else "–"
        shift = row.get("shift_at_the_median")
        kept = f"{shift['cloaked']:.3f}, {shift['then purified']:.3f}" if shift else "–"
        never = " (family never learned)" if row["kind"] in told["families_never_learned"] else ""
        lines.append(
            f"| {row['what']}{never} | {new['n']} | {row['before']['share']:.1%} "
            f"| {new['share']:.1%} ({new['low']:.1%}–{new['high']:.1%}) | {far} | {kept} |"
        )
    return "\n".join(lines) + "\n"


def learned(lab: Lab, faces: Faces) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Statistics of natural and of cloaked faces of the learning people."""
    turns = [number % 2 == 0 for number in range(len(faces.aligned))]
    natural = [lab.described("learned natural", lambda: faces.aligned.crops, moved=False)["values"]]
    for family, strengths in LEARNED.items():
        for strength in strengths:

            def make(family: str = family, strength: float = strength) -> Crops:
                return faces.edited(family, strength, before=turns)

            natural.append(lab.described(f"learned {family} {strength:g}", make, moved=False)["values"])
    found = []
    for text, count in LEARNED_CLOAKS.items():

        def cloak(text: str = text, count: int = count) -> Crops:
            return cloaked(faces, text, surrogates=BOTH[:1], run=lab.run, count=count)

        name = f"learned {text.partition(':')[0]} {count}"
        found.append(lab.described(name, cloak, moved=False)["values"])
        for family, strength in LEARNED_AFTER:

            def later(made: Callable[[], Crops] = cloak, family: str = family, strength: float = strength) -> Crops:
                return then(made(), family, strength)

            found.append(lab.described(f"{name} then {family} {strength:g}", later, moved=False)["values"])
    return np.concatenate(natural), np.concatenate(found)


def tested(lab: Lab, faces: Faces) -> list[dict[str, Any]]:
    """What is measured: natural faces, each edit of a held out strength before and after alignment, and cloaks."""
    who = list(faces.aligned.person)
    rows = [{"what": "natural", "kind": "natural", "people": who,
             **lab.described("natural", lambda: faces.aligned.crops, moved=True)}]  # fmt: skip
    for family, strengths in HELD_OUT.items():
        for strength in strengths:
            for before in (True, False):

                def make(family: str = family, strength: float = strength, before: bool = before) -> Crops:  # noqa: FBT001
                    return faces.edited(family, strength, before=[before] * len(who))

                name = f"{family} {strength:g} {'before' if before else 'after'} alignment"
                held = lab.described(name, make, moved=not before)
                rows.append({"what": name, "kind": family, "people": who, **held})
    for text, count in TESTED_CLOAKS.items():

        def cloak(text: str = text, count: int = count) -> Crops:
            return cloaked(faces, text, surrogates=BOTH, run=lab.run, count=count)

        name = text.partition("{")[0]
        held = lab.described(f"{name.replace(':', ' ')} {count}", cloak, moved=True, clean=faces.aligned.crops[:count])
        rows.append({"what": name, "kind": "cloak", "people": who[:count], **held})
        for family, strength in TESTED_AFTER if count > 16 else ():

            def later(made: Callable[[], Crops] = cloak, family: str = family, strength: float = strength) -> Crops:
                return then(made(), family, strength)

            held = lab.described(f"{name.replace(':', ' ')} {count} then {family} {strength:g}", later, moved=True)
            label = f"{name}, then {family} {strength:g}"
            rows.append({"what": label, "kind": "cloak", "people": who[:count], **held})
    return rows


def measured(row: dict[str, Any], *, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Shares that are suspected by the old and the new function, and how far `purify` moves the faces at the median."""
    hits = {name: suspected(row["values"], fitted) for name, fitted in (("before", before), ("after", after))}
    told = {"what": row["what"], "kind": row["kind"]}
    told |= {name: share(hit, row["people"]) for name, hit in hits.items()}
    if "moved" in row:
        moved = {name: np.where(hit, row["moved"], 0.0) for name, hit in hits.items()}
        told["moved_at_the_median"] = {name: float(np.median(values)) for name, values in moved.items()}
        told["moved_at_the_median"]["all purified"] = float(np.median(row["moved"]))
    if "shift" in row:
        told["shift_at_the_median"] = {
            "cloaked": float(np.median(row["shift"])), "then purified": float(np.median(row["shift_purified"]))
        }  # fmt: skip
    return told


if __name__ == "__main__":
    main()
