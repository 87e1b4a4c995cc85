"""Can a person tell simulated attacks from contact sheets? Sheets without labels, and the score of somebody's labels.

    python benchmarks/blind_labels.py sheets DIR                 # sheet_1.png ..., truth.json: do not open it
    python benchmarks/blind_labels.py score DIR LABELS.txt --out docs/results/blind_labels_3.json
    python benchmarks/blind_labels.py recount docs/results/blind_labels.json

Each capture is shown as color, depth and infrared side by side with a number. LABELS.txt has a line for each number:
`b` for bona fide, `a` for attack, optionally followed by how sure (1 to 3). All captures are *simulated*, of procedural
people. The labels are kept in the JSON with the truth, so that they can be counted again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.labels import species_group
from facewarden.data.simulate.capture import Capture
from facewarden.data.simulate.run import iter_captures
from facewarden.data.simulate.specification import Simulation
from facewarden.metrics.intervals import count_interval
from facewarden.metrics.pad import auc

SIDE, COLUMNS, ROWS = 168, 4, 5


def chosen(*, version: int, count: int, subjects: int, seed: int) -> list[Capture]:
    """Half bona fide and half attacks, drawn from all sites of a version with sites, in a random order."""
    simulation = Simulation(version=version, subjects=subjects, captures_per_subject=4, size=168, seed=seed)
    by_label: dict[int, list[Capture]] = defaultdict(list)
    for capture in iter_captures(simulation):
        by_label[capture.label].append(capture)
    rng = np.random.default_rng([seed, count])
    picked = []
    for label in (0, 1):
        if len(by_label[label]) < count // 2:
            raise BadInputError(f"{len(by_label[label])} captures of label {label}", hint="--subjects 120")
        picked += [by_label[label][i] for i in rng.choice(len(by_label[label]), count // 2, replace=False)]
    return [picked[i] for i in rng.permutation(len(picked))]


def strip(capture: Capture, number: int) -> np.ndarray:
    """Color, depth as delivered and infrared, cut around the face, with the number."""
    assert capture.depth_picture is not None
    x0, y0, x1, y1 = (float(value) for value in capture.box)
    half = 0.9 * max(x1 - x0, y1 - y0)
    scale = SIDE / (2 * half)
    place = np.array([[scale, 0, SIDE / 2 - scale * (x0 + x1) / 2], [0, scale, SIDE / 2 - scale * (y0 + y1) / 2]])
    gray = [np.repeat(one[..., None], 3, axis=2) for one in (capture.depth_picture, capture.infrared)]
    shown = [cv2.warpAffine(one, place, (SIDE, SIDE), flags=cv2.INTER_LINEAR) for one in (capture.rgb, *gray)]
    row = np.hstack(shown).astype(np.uint8)
    cv2.putText(row, str(number), (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 0), 2, cv2.LINE_AA)
    return np.pad(row, ((2, 2), (2, 2), (0, 0)))


def write_sheets(folder: Path, *, version: int, count: int, subjects: int, seed: int) -> None:
    """Write sheets of twenty captures and the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    captures = chosen(version=version, count=count, subjects=subjects, seed=seed)
    strips = [strip(capture, number) for number, capture in enumerate(captures, start=1)]
    for sheet, start in enumerate(range(0, len(strips), COLUMNS * ROWS), start=1):
        part = strips[start : start + COLUMNS * ROWS]
        part += [np.zeros_like(part[0])] * (-len(part) % COLUMNS)
        rows = [np.hstack(part[i : i + COLUMNS]) for i in range(0, len(part), COLUMNS)]
        cv2.imwrite(str(folder / f"sheet_{sheet}.png"), np.vstack(rows)[..., ::-1])
    truth = [
        {"label": c.label, "species": c.spec.species, "subtype": c.spec.subtype, "site": c.spec.domain}
        for c in captures
    ]
    about = {"version": version, "seed": seed, "subjects": subjects, "captures": truth}
    (folder / "truth.json").write_text(json.dumps(about), encoding="utf-8")


def scored(folder: Path, labels: Path) -> dict[str, object]:
    """The figures of labels, and every label with the truth."""
    about = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    truth = about["captures"]
    said = [line.split() for line in labels.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(said) != len(truth) or any(words[0] not in ("a", "b") for words in said):
        raise BadInputError(f"{labels}: {len(said)} labels for {len(truth)} captures", hint="a line each: b or a")
    labeled = [
        {"said": words[0], "sure": float(words[1]) if len(words) > 1 else 2.0, **one}
        for words, one in zip(said, truth, strict=True)
    ]
    digest = hashlib.sha256((folder / "truth.json").read_bytes()).hexdigest()
    about = {"simulated": True, "version": about["version"], "seed": about["seed"], "truth_sha256": digest}
    return {**about, **counted(labeled), "labels": labeled}


def counted(labels: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Share of right labels with intervals, of all and by group, and the AUC of the certainties."""
    bona_fide = np.array([one["said"] == "b" for one in labels])
    sure = np.array([one["sure"] for one in labels])
    label = np.array([one["label"] for one in labels])
    right = bona_fide == (label == 1)

    def share(rows: np.ndarray) -> dict[str, float | int]:
        found = count_interval(right[rows].astype(float), np.ones(int(rows.sum())))
        return {"value": found.value, "low": found.low, "high": found.high, "n": int(rows.sum())}

    groups = np.array([species_group(one["species"]) or one["species"] for one in labels])
    by_group = {name: share(groups == name) for name in sorted(set(groups.tolist()))}
    score = np.where(bona_fide, sure, -sure)
    return {"all": share(np.ones_like(right)), "by_group": by_group, "auc": auc(score, label)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sheets", "score", "recount"))
    parser.add_argument("folder", type=Path, help="of the sheets; the JSON of `score`, to recount it")
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--version", type=int, choices=(2, 3), default=3, help="of the captures")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--subjects", type=int, default=96, help="people of all sites to draw from")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.what == "sheets":
        write_sheets(asked.folder, version=asked.version, count=asked.count, subjects=asked.subjects, seed=asked.seed)
        return 0
    if asked.what == "recount":
        print(json.dumps(counted(json.loads(asked.folder.read_text(encoding="utf-8"))["labels"]), indent=1))
        return 0
    if asked.labels is None:
        parser.error("score needs the labels")
    found = scored(asked.folder, asked.labels)
    print(json.dumps({name: found[name] for name in ("all", "by_group", "auc")}, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
