"""What a person sees of every cloak of the plan cloaks_two: python benchmarks/cloak_sheet.py

Procedural faces (*simulated* people who do not exist) are cloaked as the plan says. The sheet shows each face cloaked,
and beside it the change times five around gray; the JSON has SSIM, the change in gray levels, and the shift that every
recognizer of the plan sees. `make docs-images` writes both.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.files import write_json
from facewarden.core.resolve import resolve_purifier, resolve_recognizer
from facewarden.core.settings.budget import CLOAK_LEVELS
from facewarden.experiments.cloaking.settings import plan_of
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.metrics.intervals import mean_by_subject
from facewarden.nn.ssim import ssim
from facewarden.photos.aligned import AlignedFaces, embed_all, to_images
from facewarden.photos.synthetic import drawn_faces

ROOT = Path(__file__).resolve().parent.parent
SHOWN, TIMES, WIDE = 2, 5, 190
Pixels = NDArray[np.uint8]


def row(title: str, figures: str, clean: Pixels, cloaked: Pixels) -> Pixels:
    """A cloak on some faces, each beside its change."""
    label = np.full((clean.shape[1], WIDE, 3), 255, np.uint8)
    for place, text in enumerate([title, *figures.split("\n")]):
        size = 0.42 if place == 0 else 0.36
        cv2.putText(label, text, (6, 34 + 20 * place), cv2.FONT_HERSHEY_SIMPLEX, size, (30, 30, 30), 1, cv2.LINE_AA)
    parts = [label]
    for before, after in zip(clean, cloaked, strict=True):
        change = 128 + TIMES * (after.astype(int) - before.astype(int))
        parts += [after, np.clip(change, 0, 255).astype(np.uint8)]
    return np.hstack(parts)


def seen(faces: AlignedFaces, cloaked: Pixels, names: list[str]) -> dict[str, Any]:
    """Figures of a cloak on all faces, with intervals over people."""
    before, after = to_images(faces.crops), to_images(cloaked)
    with torch.no_grad():
        alike = ssim(before, after).numpy()
    change = 255 * (after - before).abs()
    figures: dict[str, Any] = {
        "ssim": alike,
        "mean_change": change.mean(dim=(1, 2, 3)).numpy(),
        "largest_change": change.amax(dim=(1, 2, 3)).numpy(),
    }
    for name in names:
        model = resolve(name)
        figures[f"shift_{name}"] = 1 - (embed_all(model, before) * embed_all(model, after)).sum(axis=1)
    people = np.array(faces.person)
    found: dict[str, Any] = {}
    for name, values in figures.items():
        interval = mean_by_subject(np.asarray(values, np.float64), people, seed=0, proportion=False)
        found[name] = interval.as_json()
    return found


resolve = cache(resolve_recognizer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, default=ROOT / "docs" / "images" / "cloaks.jpg")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "cloaks_two" / "seen.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    plan = plan_of(read_plan("cloaks_two").settings)
    faces = drawn_faces(people=options.people, each=options.photos, seed=options.seed)
    first = [rows[0] for rows in faces.by_person().values()][:SHOWN]
    rows = [row("natural", f"change x {TIMES}\nbeside each face", faces.crops[first], faces.crops[first])]
    results = []
    for name, recipe in plan.recipes.items():
        cloaked = faces.crops.copy()
        for own in faces.by_person().values():
            keys = [faces.key[one] for one in own]
            cloaked[own] = recipe.cloak(faces.crops[own], keys, recognizer=resolve, purifier=resolve_purifier)
        found = seen(faces, cloaked, list(plan.recognizers))
        text = f"SSIM {found['ssim']['value']:.3f}\nmean change {found['mean_change']['value']:.1f} / 255"
        rows.append(row(name, text, faces.crops[first], cloaked[first]))
        results.append({"cloak": name, "level": recipe.level, **found})
        print(name, text.replace("\n", ", "), flush=True)
    gap = np.full((4, rows[0].shape[1], 3), 255, np.uint8)
    sheet = np.vstack([part for one in rows for part in (one, gap)])
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.sheet), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, {
        "simulated": True, "people": options.people, "photos": options.photos, "seed": options.seed,
        "levels": dict(CLOAK_LEVELS), "cloaks": results,
    })  # fmt: skip


if __name__ == "__main__":
    main()
