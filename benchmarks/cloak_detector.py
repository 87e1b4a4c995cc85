"""How well cloaked faces are told from natural ones: `python benchmarks/cloak_detector.py lfw:PATH --cloak lowkey:8`.

People on whom nothing was trained; each cloak on its own. AUC with a 95 % interval over people, how many cloaked faces
are found where 1 % of the natural ones are suspected, and both rates at the likelihood 0.5 that `purify
--only-suspicious` takes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from facewarden.bench.cloak_detector import CloakDetector
from facewarden.bench.cloaking_crowd import load_crowd
from facewarden.bench.cloaking_evaluate import parse_cloak
from facewarden.bench.cloaking_lab import Lab
from facewarden.bench.cloaking_store import Store
from facewarden.bench.faces import to_images
from facewarden.core.progress import track
from facewarden.metrics.match import auc, tar_at_far

ROUNDS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces")
    parser.add_argument("--cloak", nargs="+", default=["lowkey:8"])
    parser.add_argument("--surrogate", nargs="+", default=["mobilefacenet_512", "dlib_resnet34"])
    parser.add_argument("--purifier", default="puface")
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--photos", type=int, default=10)
    parser.add_argument("--run", type=Path, default=Path("runs/cloaking"))
    options = parser.parse_args()
    detector = CloakDetector(options.purifier)
    store = Store(options.run)
    crowd = load_crowd(options.faces, people=10**6, photos=options.photos, distractors=0, store=store)
    lab, people = Lab(crowd, options.run), crowd.attackers(options.users)
    natural = {who: detector(crowd.faces.images(crowd.people[who])) for who in people}
    for text in options.cloak:
        recipe = parse_cloak(text, surrogates=options.surrogate)
        cloaked = {who: detector(to_images(lab.cloaked(recipe, who))) for who in track(people, label=text)}

        def both(chosen: list[str], cloaked: dict[str, np.ndarray] = cloaked) -> tuple[np.ndarray, np.ndarray]:
            return np.concatenate([cloaked[who] for who in chosen]), np.concatenate([natural[who] for who in chosen])

        found, clean = both(list(people))
        draws = np.random.default_rng(0).choice(len(people), (ROUNDS, len(people)))
        areas = [auc(*both([people[i] for i in draw])) for draw in draws]
        low, high = np.quantile(areas, (0.025, 0.975))
        print(
            f"{recipe.name:<32} AUC {auc(found, clean):.4f} [{low:.4f}, {high:.4f}]  "
            f"found at 1 % false alarms {tar_at_far(found, clean, far=0.01):.3f}  "
            f"at 0.5: found {np.mean(found >= 0.5):.3f}, false alarms {np.mean(clean >= 0.5):.4f}  "
            f"n = {len(found)} + {len(clean)} of {len(people)} people"
        )


if __name__ == "__main__":
    main()
