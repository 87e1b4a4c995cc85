"""Which kinds of cloaks the detector tells, and which it does not: `python benchmarks/cloak_kinds.py lfw:PATH --out DIR`.

Learned from people of few photos on whom puface was not trained: natural faces, as they are and edited, noise cloaks
with gradients of two surrogates, and drawn fields of the other families. Measured on users who are neither sealed nor
those by whom puface was chosen, with optimized cloaks: the lines that ship, lines that never saw the family (the
leave-one-family-out table), false alarms on edits of strengths and kinds that were not learned and on photos of other
sets, and the noise line of the release before on the same faces. `--write FOLDER` puts the lines into the card of a
purifier. Everything is kept in `--run`; a stopped call continues.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cloak_kinds_faces import CLOAKS, SURROGATES, Faces, first_rows
from cloak_kinds_fit import FAMILIES, NOISE_FACES, Described, learned_from, lines_of, tested_cloaks, tested_edits
from numpy.typing import NDArray

from facewarden.metrics.intervals import mean_by_subject
from facewarden.metrics.match import auc
from facewarden.nn.cloak_kinds import KindLines
from facewarden.photos.aligned import AlignedFaces
from facewarden.purifiers.puface import PuFace

HALF = 0.5
Values = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces")
    parser.add_argument("--other", nargs="*", default=[], help="further sets whose natural photos are looked at")
    parser.add_argument("--learning", type=int, default=160)
    parser.add_argument("--people", type=int, default=58)
    parser.add_argument("--cloaked", type=int, default=16)
    parser.add_argument("--run", type=Path, default=Path("runs/cloak_kinds"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    faces, purifier = Faces(options.faces, options.run), PuFace()
    described = Described(faces, purifier)
    found = learned_from(described, people=options.learning)
    shipped = lines_of(found, FAMILIES)
    if options.write:
        write_lines(options.write, shipped)
    rows = first_rows(faces.open_users, options.people, 1)
    natural = faces.open_users.crops[rows]
    told: dict[str, Any] = {
        "faces": options.faces.partition(":")[0],
        "seed": 0,
        "cloaks": CLOAKS,
        "surrogates": list(SURROGATES),
        "learned": {"people": options.learning, "noise_faces": NOISE_FACES,
                    "rows": {name: len(values) for name, values in found.items()}},
        "statistics": int(found["natural"].shape[1]),
    }  # fmt: skip
    tables = Tables(shipped, purifier.card.settings["suspicion"], described(natural))
    told["natural"] = tables.alarms(tables.natural)
    told["edits"] = [{"what": name, **tables.alarms(described(make()))} for name, make in tested_edits(natural)]
    told["worst_edit"] = max(told["edits"], key=lambda row: row["now"]["value"])
    told["other_sets"] = [other_set(tables, described, faces, name) for name in options.other]
    cloaked = {name: described(crops) for name, crops in tested_cloaks(faces, people=options.cloaked).items()}
    told["families"] = [tables.family(name, values, found) for name, values in cloaked.items()]
    told["calibration"] = tables.calibration(cloaked)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "detection.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def write_lines(folder: Path, lines: dict[str, Any]) -> None:
    """Put the lines into the card of a purifier's folder."""
    card = folder / "card.json"
    held = json.loads(card.read_text(encoding="utf-8"))
    held["settings"]["kinds"] = lines
    card.write_text(json.dumps(held, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def other_set(tables: Tables, described: Described, faces: Faces, spec: str) -> dict[str, Any]:
    """False alarms on the first photos of the people of another set."""
    group: AlignedFaces = faces.of_set(spec)
    return {"set": group.source, "faces": len(group), **tables.alarms(described(group.crops), list(group.person))}


class Tables:
    """Shares and areas of statistics of faces, by the new lines and the noise line of the release before."""

    def __init__(self, lines: dict[str, Any], before: dict[str, Any], natural: Values) -> None:
        self.lines, self.before, self.natural = lines, before, natural

    def now(self, values: Values, lines: dict[str, Any] | None = None) -> Values:
        """Likelihood of each kind."""
        return np.asarray(KindLines.from_settings(lines or self.lines)(torch.from_numpy(values)).numpy())

    def noise_before(self, values: Values) -> Values:
        """Likelihood by the noise line."""
        weights = np.array(self.before["weights"])
        return np.asarray(1 / (1 + np.exp(-(values[:, : len(weights)] @ weights + self.before["bias"]))))

    def alarms(self, values: Values, people: list[str] | None = None) -> dict[str, Any]:
        """Shares suspected before and now, and of which kind."""
        each, who = self.now(values), people or [str(row) for row in range(len(values))]
        hits = each.sum(axis=1) >= HALF
        kinds = [int((each[hits].argmax(axis=1) == place).sum()) for place in range(len(FAMILIES))]
        return {
            "n": len(values),
            "before": share(self.noise_before(values) >= HALF, who),
            "now": share(hits, who),
            "as": dict(zip(FAMILIES, kinds, strict=True)),
        }

    def family(self, name: str, values: Values, learned: dict[str, Values]) -> dict[str, Any]:
        """How well one family is found, named, and found by lines that never saw it."""
        others = [one for one in FAMILIES if one != name]
        unseen = lines_of(learned, others)
        scores = {"now": self.now(values).sum(axis=1), "left_out": self.now(values, unseen).sum(axis=1),
                  "before": self.noise_before(values)}  # fmt: skip
        clean = {"now": self.now(self.natural).sum(axis=1), "left_out": self.now(self.natural, unseen).sum(axis=1),
                 "before": self.noise_before(self.natural)}  # fmt: skip
        named = self.now(values).argmax(axis=1) == FAMILIES.index(name)
        who = [str(row) for row in range(len(values))]
        return {
            "family": name,
            **self.alarms(values),
            "named": share(named, who),
            "found_left_out": share(scores["left_out"] >= HALF, who),
            "false_alarms_left_out": share(clean["left_out"] >= HALF, [str(row) for row in range(len(self.natural))]),
            "auc": {one: float(auc(scores[one], clean[one])) for one in scores},
        }

    def calibration(self, cloaked: dict[str, Values]) -> dict[str, Any]:
        """Mean likelihood beside the share that is cloaked, natural faces and all families weighing alike."""
        found = {"natural": self.now(self.natural).sum(axis=1)}
        found |= {name: self.now(values).sum(axis=1) for name, values in cloaked.items()}
        weights = np.concatenate(
            [np.full(len(part), (0.5 if name == "natural" else 0.5 / len(cloaked)) / len(part))
             for name, part in found.items()]
        )  # fmt: skip
        scores, labels = (
            np.concatenate(list(found.values())),
            np.repeat([float(name != "natural") for name in found], [len(part) for part in found.values()]),
        )
        bins = np.minimum((scores * 5).astype(int), 4)
        table = []
        for number in range(5):
            rows = bins == number
            if rows.any():
                share_of, mean = (float(np.average(one[rows], weights=weights[rows])) for one in (labels, scores))
                table.append({"from": number / 5, "n": int(rows.sum()), "likelihood": mean, "cloaked": share_of})
        return {"brier": float(np.average((scores - labels) ** 2, weights=weights)), "bins": table}


def share(hits: NDArray[np.bool_], people: list[str]) -> dict[str, Any]:
    """A share with its interval over people."""
    found = mean_by_subject(hits, np.array(people), seed=0)
    return {"value": found.value, "low": found.low, "high": found.high, "count": int(hits.sum()), "n": len(hits)}


if __name__ == "__main__":
    main()
