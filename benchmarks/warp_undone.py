"""How well a purifier would have to know the displacements of a warp: protection against the share that is undone.

    python benchmarks/warp_undone.py lfw:DIR --out docs/results/purifier_two/warp_undone.json [--run runs/warp_undone]

The displacements of optimized warps are recorded, and a share of them is undone exactly: at 0.5 the face is moved by
half of the field. No purifier knows them; this says what it would have to know. People who are not sealed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.attacks.warp import Warp
from facewarden.core.embedding_goal import PushAway
from facewarden.core.files import write_json
from facewarden.core.progress import track
from facewarden.core.threat import ThreatModel
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.measure import collected
from facewarden.experiments.cloaking.population import load_crowd
from facewarden.experiments.cloaking.trackers import Gallery, nearest
from facewarden.metrics.intervals import mean_by_subject
from facewarden.photos.aligned import embed_all, to_images
from facewarden.photos.cloak_attack import surrogate_weights

SURROGATES = ("mobilefacenet_512", "dlib_resnet34")
RECOGNIZERS = ("mobilefacenet_512", "dlib_resnet34", "faceres", "facenet_inception")
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
SKIPPED, SEEDS = 16, (0, 1, 2)
WHOLE_RANGE = ThreatModel(eps=1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorded(Warp):
    """A warp that keeps the last field that it rendered."""

    kept: list[Tensor] = field(default_factory=list)

    def render(self, clean: Tensor, field: Tensor, threat: ThreatModel) -> Tensor:
        """As of `Warp`."""
        self.kept[:] = [field.detach().clone()]
        return super().render(clean, field, threat)


def partly_undone(lab: ExperimentCache, rows: Sequence[int]) -> dict[float, Tensor]:
    """Warped faces of one person, by the share that is undone; `(n, 3, 112, 112)` in eight-bit steps."""
    models = [lab.recognizer(name) for name in SURROGATES]
    clean = to_images(lab.crowd.faces.crops[list(rows)])
    attack = Recorded(precision="bfloat16")
    weights = surrogate_weights(models, attack=attack)
    goal = PushAway(models, clean, keys=[lab.crowd.faces.key[row] for row in rows], weights=weights)
    attack(goal, WHOLE_RANGE, seed=0)
    moves = attack.kept[0]
    found = {1.0: clean}
    for share in SHARES[:-1]:
        images = Warp(pixels=attack.pixels * (1 - share)).render(clean, moves, WHOLE_RANGE)
        found[share] = torch.round(images * 255) / 255
    return found


def measured(lab: ExperimentCache, people: Sequence[str]) -> dict[str, Any]:
    """Protection by recognizer and share."""
    faces = {who: partly_undone(lab, lab.crowd.people[who]) for who in track(people, label="warps", unit="people")}
    natural = lab.vectors(RECOGNIZERS)
    rows = []
    for share in SHARES:
        row: dict[str, Any] = {"undone": share}
        for name in RECOGNIZERS:
            moved = natural[name].copy()
            for who in people:
                moved[lab.crowd.people[who]] = embed_all(lab.recognizer(name), faces[who][share], batch=32)
            row[name] = _rate(lab, people, natural[name], moved)
        rows.append(row)
    return {"people": len(people), "pixels": Warp().pixels, "seeds": list(SEEDS), "rows": rows}


def _rate(
    lab: ExperimentCache, people: Sequence[str], natural: NDArray[np.float32], moved: NDArray[np.float32]
) -> Mapping[str, float]:
    outcomes = [nearest(Gallery(lab.crowd.split(seed), natural, moved, natural), people) for seed in SEEDS]
    hidden, _, _, owner, _ = collected(outcomes, people)
    rate = mean_by_subject(hidden, owner, seed=0)
    return rate.as_json()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", help="lfw:DIR")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--run", type=Path, default=Path("runs/warp_undone"))
    parser.add_argument("--people", type=int, default=12)
    args = parser.parse_args()
    torch.set_num_threads(1)
    store = Store(args.run)
    crowd = load_crowd(args.set, people=10**6, photos=5, distractors=300, store=store, without_sealed=True)
    lab = ExperimentCache(crowd, args.run)
    found = measured(lab, crowd.attackers(args.people, skip_people=SKIPPED))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.out, found)
    print(f"{found['people']} people, {len(found['rows'])} shares")


if __name__ == "__main__":
    main()
