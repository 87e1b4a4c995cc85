"""How well cloaked faces are told from natural ones: `python benchmarks/cloak_detector.py lfw:PATH --cloak lowkey:8`.

People on whom nothing was trained; each cloak on its own: `tip_im:8@mobilefacenet_128` on surrogates of its own,
`fawkes:high{"steps": 50}` with settings of the attack, `lowkey:8>jpeg` stored as JPEG when it was published. AUC
with a 95 % interval over people, how many cloaked faces are found where 1 % of the natural ones are suspected, and both
rates at the likelihood 0.5 that `purify --only-suspicious` takes. `--out DIR` keeps the figures and draws the ROC.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.progress import track
from facewarden.core.resolve import parsed
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.population import load_crowd
from facewarden.experiments.cloaking.small_grid import parse_cloak
from facewarden.metrics.intervals import percentile_interval
from facewarden.metrics.match import auc, tar_at_far
from facewarden.photos.aligned import to_images
from facewarden.photos.cloak_detector import CloakDetector
from facewarden.reporting.document import Figure
from facewarden.reporting.figures import draw_svg, standalone

ROUNDS = 500
FALSE_ALARMS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces")
    parser.add_argument("--cloak", nargs="+", default=["lowkey:8"])
    parser.add_argument("--surrogate", nargs="+", default=["mobilefacenet_512", "dlib_resnet34"])
    parser.add_argument("--purifier", default="puface")
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--skip-people", type=int, default=0)
    parser.add_argument("--photos", type=int, default=10)
    parser.add_argument("--distractors", type=int, default=0)
    parser.add_argument("--run", type=Path, default=Path("runs/cloaking"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    detector = CloakDetector(options.purifier)
    store = Store(options.run)
    crowd = load_crowd(options.faces, people=10**6, photos=options.photos, distractors=options.distractors, store=store)
    lab, people = ExperimentCache(crowd, options.run), crowd.attackers(options.users, skip_people=options.skip_people)
    natural = {who: detector(crowd.faces.images(crowd.people[who])) for who in people}
    rows: list[dict[str, Any]] = []
    for text in options.cloak:
        recipe = read(text, surrogates=options.surrogate)
        cloaked = {who: detector(to_images(lab.cloaked(recipe, who))) for who in track(people, label=text)}
        how = {"settings": dict(recipe.settings)} if recipe.settings else {}
        about = {"cloak": recipe.name, **how, "surrogates": list(recipe.surrogates)}
        rows.append({**about, **figures(cloaked, natural)})
        print("{cloak} on {surrogates}: AUC {auc[0]:.4f} [{auc[1]:.4f}, {auc[2]:.4f}]  found at 1 % false alarms "
              "{found_at_1_percent:.3f}  at 0.5: found {found_at_half:.3f}, false alarms {false_alarms_at_half:.4f}  "
              "n = {cloaked} + {natural} of {people} people".format_map(rows[-1]))  # fmt: skip
    if options.out:
        settings = {
            name: getattr(options, name) for name in ("purifier", "users", "skip_people", "photos", "distractors")
        }
        options.out.mkdir(parents=True, exist_ok=True)
        told = {"faces": options.faces.partition(":")[0], **settings, "rounds": ROUNDS, "cloaks": rows}
        (options.out / "cloak_detector.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        (options.out / "roc.svg").write_text(standalone(draw_svg(drawn(rows))), encoding="utf-8")


def read(text: str, *, surrogates: list[str]) -> CloakRecipe:
    """ATTACK:LEVEL, with {settings} as JSON, >AFTER it was published and @SURROGATE+SURROGATE where given."""
    front, _, on = text.partition("@")
    front, _, after = front.partition(">")
    kind, settings = parsed(front)
    recipe = parse_cloak(kind, surrogates=on.split("+") if on else surrogates)
    return replace(recipe, settings=settings or {}, after=(after,) if after else ())


def figures(cloaked: dict[str, NDArray[np.float64]], natural: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Area with its interval over people, points of the ROC, and both rates at one half."""

    def both(chosen: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.concatenate([cloaked[who] for who in chosen]), np.concatenate([natural[who] for who in chosen])

    people = list(cloaked)
    found, clean = both(people)
    draws = np.random.default_rng(0).choice(len(people), (ROUNDS, len(people)))
    areas = np.array([auc(*both([people[i] for i in draw])) for draw in draws])
    area = percentile_interval(auc(found, clean), areas, n=len(found) + len(clean), subjects=len(people))
    return {
        "auc": [area.value, area.low, area.high],
        "found_at_1_percent": float(tar_at_far(found, clean, far=0.01)),
        "found_at_half": float(np.mean(found >= 0.5)),
        "false_alarms_at_half": float(np.mean(clean >= 0.5)),
        "roc": [[far, float(tar_at_far(found, clean, far=far))] for far in FALSE_ALARMS if far * len(clean) >= 1],
        "cloaked": len(found),
        "natural": len(clean),
        "people": len(people),
    }


def drawn(rows: list[dict[str, Any]]) -> Figure:
    """The ROC of every cloak."""
    series = [
        {"name": row["cloak"] + (f", {row['surrogates'][0]}" if len(row["surrogates"]) == 1 else ""),
         "x": [x for x, _ in row["roc"]], "y": [y for _, y in row["roc"]], "n": row["cloaked"]}
        for row in rows
    ]  # fmt: skip
    return Figure(
        kind="curves",
        title="Cloaked faces that are found, by the share of natural faces that are suspected",
        data={"series": series, "percent": True, "xpercent": True, "xlog": True,
              "xlabel": "natural faces suspected", "ylabel": "cloaked faces found"},
        alt="One curve per cloak; the numbers are in cloak_detector.json.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
