"""Which kinds of cloaks the detector tells: `python benchmarks/cloak_kinds.py lfw:PATH --out DIR`.

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
from cloak_kinds_fit import FAMILIES, NOISE_FACES, TOLD, Described, learned_from, lines_of, tested_cloaks, tested_edits
from numpy.typing import NDArray
from torch import Tensor

from facewarden.metrics.intervals import mean_by_subject
from facewarden.metrics.match import auc
from facewarden.nn.cloak_kinds import KindLines, kind_likelihoods, noise_likelihood
from facewarden.photos.aligned import AlignedFaces
from facewarden.purifiers.puface import PuFace
from facewarden.training.suspicion import NATURAL

HALF = 0.5
Values = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces")
    parser.add_argument("--other", nargs="*", default=[], help="further sets whose natural photos are looked at")
    parser.add_argument("--learning", type=int, default=160)
    parser.add_argument("--people", type=int, default=58)
    parser.add_argument("--cloaked", type=int, default=8)
    parser.add_argument("--run", type=Path, default=Path("runs/cloak_kinds"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    faces, purifier = Faces(options.faces, options.run), PuFace()
    described = Described(faces, purifier)
    found = learned_from(described, people=options.learning)
    shipped = lines_of(found, TOLD)
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
    cloaked = {name: described(crops) for name, crops in tested_cloaks(faces, people=options.cloaked).items()}
    told["families"] = [tables.family(name, values, found) for name, values in cloaked.items()]
    told["calibration"] = tables.calibration(cloaked)
    told["natural"] = tables.alarms(tables.natural)
    told["edits"] = [{"what": name, **tables.alarms(described(make()))} for name, make in tested_edits(natural)]
    told["worst_edit"] = max(told["edits"], key=lambda row: row["now"]["value"])
    told["other_sets"] = [other_set(tables, described, faces, name) for name in options.other]
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

    def each(self, values: Values, lines: dict[str, Any]) -> Values:
        """Likelihood of each kind, that of noise by the line of the release before, as the purifier tells it."""
        return doubles(kind_likelihoods(KindLines.from_settings(lines), singles(values), noise=self.before))

    def noise(self, values: Values) -> Values:
        """Likelihood by the noise line."""
        return doubles(noise_likelihood(self.before, singles(values)))

    def alarms(self, values: Values, people: list[str] | None = None) -> dict[str, Any]:
        """Shares suspected before and now, and of which kind."""
        each, who = self.each(values, self.lines), people or [str(row) for row in range(len(values))]
        hits = each.max(axis=1) >= HALF
        kinds = [int((each[hits].argmax(axis=1) == place).sum()) for place in range(each.shape[1])]
        return {
            "n": len(values),
            "before": share(self.noise(values) >= HALF, who),
            "now": share(hits, who),
            "as": dict(zip(self.lines["names"], kinds, strict=True)),
        }

    def family(self, name: str, values: Values, learned: dict[str, Values]) -> dict[str, Any]:
        """How well one family is found, and by lines that never saw it; for one that is not told, with a line of it."""
        told = name in self.lines["names"]
        other = [one for one in TOLD if one != name] if told else list(FAMILIES)
        lines = lines_of(learned, other)
        scores, clean = (
            {"now": self.each(part, self.lines).max(axis=1), "other": self.each(part, lines).max(axis=1),
             "before": self.noise(part)}
            for part in (values, self.natural)
        )  # fmt: skip
        who = [str(row) for row in range(len(values))]
        named = self.each(values, self.lines).argmax(axis=1) == list(FAMILIES).index(name)
        return {
            "family": name,
            "told": told,
            **self.alarms(values),
            "named": share(named & (scores["now"] >= HALF), who),
            "other_lines": other,
            "found_other": share(scores["other"] >= HALF, who),
            "false_alarms_other": share(clean["other"] >= HALF, [str(row) for row in range(len(self.natural))]),
            "auc": {one: float(auc(scores[one], clean[one])) for one in scores},
        }

    def calibration(self, cloaked: dict[str, Values]) -> dict[str, Any]:
        """Mean likelihood beside the share that is cloaked, with the weights of the fit."""
        found = {"natural": self.each(self.natural, self.lines).max(axis=1)}
        found |= {name: self.each(cloaked[name], self.lines).max(axis=1) for name in self.lines["names"]}
        shares = {name: NATURAL if name == "natural" else (1 - NATURAL) / (len(found) - 1) for name in found}
        weights = np.concatenate([np.full(len(part), shares[name] / len(part)) for name, part in found.items()])
        scores = np.concatenate(list(found.values()))
        labels = np.repeat([float(name != "natural") for name in found], [len(part) for part in found.values()])
        bins, table = np.minimum((scores * 3).astype(int), 2), []
        for number in range(3):
            rows = bins == number
            if rows.any():
                share_of, mean = (float(np.average(one[rows], weights=weights[rows])) for one in (labels, scores))
                table.append({"from": number / 3, "n": int(rows.sum()), "likelihood": mean, "cloaked": share_of})
        return {"brier": float(np.average((scores - labels) ** 2, weights=weights)), "bins": table}


def singles(values: Values) -> Tensor:
    """Statistics in the precision in which the purifier gave them."""
    return torch.from_numpy(values).float()


def doubles(likelihoods: Tensor) -> Values:
    """Likelihoods as a table has them."""
    return np.asarray(likelihoods.double().numpy())


def share(hits: NDArray[np.bool_], people: list[str]) -> dict[str, Any]:
    """A share with its interval over people."""
    found = mean_by_subject(hits, np.array(people), seed=0)
    return {"value": found.value, "low": found.low, "high": found.high, "count": int(hits.sum()), "n": len(hits)}


if __name__ == "__main__":
    main()
