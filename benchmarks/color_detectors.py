"""Do detectors on color go by color cast? Published and shipped ones side by side, on captures and photos.

    python benchmarks/color_detectors.py --london DIR --lfw DIR --minifasnet DIR --runs runs/color --every 2 --out
    color_detectors.json

makes the captures that are missing below `--runs`: version 2 at the 24 sites of a sealed seed that no training here
saw, from London photos and of procedural people; and version 1. Nothing here was learned from these people. Stopped, it
goes on; scores are kept below `--runs` by the hash of the weights. `--every 2` takes every second person of every set.

Of every set of captures and detector: AUC, plain and after every photo's channel means and contrasts were equalized,
and the difference; AUC by species; `told_gain` and `told_offset`, the AUC between bona fide captures and the same
captures given the mean face color of a random replay of the London captures (0.5: not told apart; it is folded, so
never below); APCER and BPCER at two thresholds: `own` is the card's rule (a probability of 0.5 of published networks
without one), `half` the EER of every second person measured, whose rates are those of the others. Photos of London and
of LFW's *users* (those with ten or more) are bona fide alone: BPCER at `own`, and at the threshold of `half` of the
London captures, whose APCER is beside it. Intervals are 95 %: rates by the effective sample, AUC by 1,000 draws of
people.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from color_changes import changed, face_color
from numpy.typing import NDArray
from photo_captures import photo_captures

from facewarden.align.yunet import YuNet
from facewarden.core.batch import FaceBatch
from facewarden.core.progress import track
from facewarden.core.resolve import resolve_detector
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.data.datasets import open_dataset
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.simulate import Simulation
from facewarden.data.simulate.run import plans_of, simulate_subject
from facewarden.evaluation.simulated_captures import locator
from facewarden.metrics.intervals import Interval, bootstrap_by_subject, mean_by_subject
from facewarden.metrics.pad import eer_threshold

SEALED = "sealed_5ea1ed17"
CHANGES = ("plain", "equal", "gain", "offset")
BOTH = 2
"""So many of them are made of attacks too."""
SETS = ("london", "unseen", "version_1", "photos_london", "photos_users")
PHOTOS = ("photos_london", "photos_users")
SEED = 0
REPLACED = {"color_cnn": "own_trunk"}
"""New detector -> the one that it is to be better than: `multi_cnn` on color alone."""
Floats = NDArray[np.float64]


def manifests(options: argparse.Namespace) -> dict[str, Manifest]:
    """Every set, made where it is missing."""
    sealed: dict[str, Any] = {"version": 2, "domains": (SEALED,)}
    wanted: dict[str, tuple[dict[str, Any], str | None]] = {
        "london": ({**sealed, "size": 480, "framing": 0.3, "subjects": 102, "seed": 105}, f"london:{options.london}"),
        "unseen": ({**sealed, "subjects": 72, "seed": 104}, None),
        "version_1": ({"subjects": 60, "framing": 0.5, "seed": 108}, None),
    }
    found = {}
    for name, (settings, faces) in wanted.items():
        if name not in options.sets:
            continue
        found[name] = captures_of_every(options.runs / name, Simulation(**settings), faces=faces, step=options.every)
    for name, faces, each in (
        ("photos_london", f"london:{options.london}", 2),
        ("photos_users", f"lfw_users:{options.lfw}", 3),
    ):
        if name not in options.sets:
            continue
        path = options.runs / f"{name}.csv"
        if not path.is_file():
            photo_captures(faces, people=200, each=each, seed=109, root=options.runs, split="test").write(path)
        found[name] = every(Manifest.read(path), options.every)
    return found


def captures_of_every(out: Path, simulation: Simulation, *, faces: str | None, step: int) -> Manifest:
    """Captures of every so manieth person that `facewarden simulate` would capture; what is there already stays.

    Args:
        out: folder to write to.
        simulation: what to simulate.
        faces: photos of people instead of procedural people.
        step: 1 for everybody.
    """
    photos, locate = (None, None) if faces is None else (open_dataset(faces), locator())
    people, plans, _ = plans_of(simulation, faces=photos, locate=locate)
    chosen = track(plans[::step], label=f"simulating {out.name}", unit="people")
    rows = tuple(row for plan in chosen for row in simulate_subject(people, plan, out, maps=False))
    return Manifest(rows, root=out, name=out.name)


def every(manifest: Manifest, step: int) -> Manifest:
    """Every so manieth person of a set, in the order of its rows, so that all sites stay."""
    people = list(dict.fromkeys(row.subject for row in manifest))
    return manifest.where(subject=people[::step])


def screen_colors(manifest: Manifest, *, cache: Path) -> NDArray[np.float32]:
    """Mean face colors of the replays of a set."""
    if not cache.is_file():
        rows = [row for row in manifest if row.species.startswith("replay")]
        skipped: list[Skipped] = []
        batches = iter_batches(rows, 16, root=manifest.root, modalities=("rgb",), on_error="skip", skipped=skipped)
        found = [face_color(batch.images["rgb"], batch.box).numpy() for batch in batches if batch.box is not None]
        np.save(cache, np.concatenate(found))
    return np.asarray(np.load(cache), np.float32)


def score_set(
    detectors: Mapping[Path, Detector], manifest: Manifest, *, colors: NDArray[np.float32], changes: Sequence[str]
) -> None:
    """Write the scores of several detectors, whose pictures are read once: key -> scores in the order of `CHANGES`.

    Args:
        detectors: file to write -> detector.
        manifest: the captures; attacks get no screen's color, so that they have zeros there.
        colors: (n, 3) of screens.
        changes: the first ones of `CHANGES`; of the others there are zeros.
    """
    found: dict[Path, dict[str, list[float]]] = {path: {} for path in detectors}
    skipped: list[Skipped] = []
    batches = iter_batches(manifest, 8, root=manifest.root, modalities=("rgb",), on_error="skip", skipped=skipped)
    for batch in track(batches, label=f"scoring {manifest.name}", total=len(manifest), unit="captures", size=len):
        assert batch.label is not None
        live = batch.select(batch.label == 1)
        for place, what in enumerate(changes):
            part = batch if place < BOTH else live
            if not len(part):
                continue
            rows = np.array([derive(SEED, "screen", key) % len(colors) for key in part.key])
            seen = changed(part, what, colors=colors, rows=rows)
            for path, detector in detectors.items():
                with torch.no_grad():
                    scores = detector(seen).score.tolist()
                for key, score in zip(part.key, scores, strict=True):
                    found[path].setdefault(key, [0.0] * len(CHANGES))[place] = score
    for path, by_key in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"scores": by_key, "unread": len(skipped)}), encoding="utf-8")


def area(positive: Floats, negative: Floats, people: tuple[NDArray[Any], NDArray[Any]]) -> Interval:
    """AUC with an interval over people, each side with its own rows."""
    won = (positive[:, None] > negative[None]) + 0.5 * (positive[:, None] == negative[None])
    count = len(positive)

    def weighted(weights: Floats) -> float:
        first, second = weights[:count], weights[count:]
        total = first.sum() * second.sum()
        return float(first @ won @ second / total) if total else float("nan")

    return bootstrap_by_subject(weighted, np.concatenate(people), seed=SEED)


def told_apart(before: Floats, after: Floats, person: NDArray[Any]) -> dict[str, Any]:
    """How well bona fide captures are told from themselves in another color; folded at 0.5."""
    found = area(before, after, (person, person))
    if found.value < 0.5:
        found = area(after, before, (person, person))
    return shown(found)


def shown(found: Interval) -> dict[str, Any]:
    return {"value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4), "n": found.n}


def fall(plain: Floats, equal: Floats, label: NDArray[np.int64], person: NDArray[Any]) -> dict[str, Any]:
    """By how many points of AUC equalizing lowers it, on the same captures."""
    live = label == 1

    def won(score: Floats) -> Floats:
        return (score[live][:, None] > score[~live][None]) + 0.5 * (score[live][:, None] == score[~live][None])

    apart = won(plain) - won(equal)
    count = int(live.sum())

    def weighted(weights: Floats) -> float:
        first, second = weights[:count], weights[count:]
        total = first.sum() * second.sum()
        return float(100 * (first @ apart @ second) / total) if total else float("nan")

    people = np.concatenate([person[live], person[~live]])
    return shown(bootstrap_by_subject(weighted, people, seed=SEED, proportion=False))


def rates(score: Floats, label: NDArray[np.int64], person: NDArray[Any], *, threshold: float) -> dict[str, Any]:
    """BPCER and APCER, pooled over species, at one threshold."""
    wrong = np.where(label == 1, score < threshold, score >= threshold).astype(float)
    out: dict[str, Any] = {"threshold": round(threshold, 4)}
    for name, here in (("bpcer", label == 1), ("apcer", label == 0)):
        if here.any():
            out[name] = shown(mean_by_subject(wrong[here], person[here], seed=SEED))
    return out


def figures(kept: dict[str, Any], manifest: Manifest, *, own: float, captures: dict[str, Any] | None) -> dict[str, Any]:
    """All figures of one set and detector.

    Args:
        kept: scores as `score_set` wrote them.
        manifest: the captures.
        own: the detector's own threshold.
        captures: of photos, the rates of captures whose threshold is taken.
    """
    rows = [row for row in manifest if row.key in kept["scores"]]
    plain, equal, gain, offset = np.array([kept["scores"][row.key] for row in rows]).T
    label, person = np.array([row.label for row in rows]), np.array([row.subject for row in rows])
    species = np.array([row.species for row in rows])
    live = label == 1
    out: dict[str, Any] = {
        "captures": len(rows), "people": len(set(person.tolist())), "unread": kept["unread"],
        "own": rates(plain, label, person, threshold=own),
    }  # fmt: skip
    if captures is not None:
        out["half"] = rates(plain, label, person, threshold=captures["threshold"])
        out["half"]["apcer_of_captures"] = captures["apcer"]
        return out
    out["told_gain"] = told_apart(plain[live], gain[live], person[live])
    out["told_offset"] = told_apart(plain[live], offset[live], person[live])
    out["auc"] = shown(area(plain[live], plain[~live], (person[live], person[~live])))
    out["auc_equal"] = shown(area(equal[live], equal[~live], (person[live], person[~live])))
    out["fall"] = fall(plain, equal, label, person)
    out["species"] = {
        str(name): shown(area(plain[live], plain[species == name], (person[live], person[species == name])))
        for name in sorted(set(species[~live].tolist()))
    }
    second = np.isin(person, list(dict.fromkeys(person.tolist()))[1::2])
    threshold = eer_threshold(plain[second], label[second])
    out["half"] = rates(plain[~second], label[~second], person[~second], threshold=threshold)
    return out


def real_photos(folder: Path, detectors: Mapping[str, Detector]) -> dict[str, dict[str, float]]:
    """Detector -> photo -> score above the detector's own threshold, of the three photos beside MiniFASNet's weights.

    Args:
        folder: holds image_T1 (live), image_F1 (print) and image_F2 (replay).
        detectors: by name.
    """
    found: dict[str, dict[str, float]] = {name: {} for name in detectors}
    for path in sorted(folder.glob("image_[TF][0-9].jpg")):
        image = read_photo(path)
        box = torch.tensor([YuNet().locate(image)[0].box])
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        for name, detector in detectors.items():
            with torch.no_grad():
                score = float(detector(FaceBatch(images={"rgb": pixels}, key=(path.stem,), box=box)).score)
            found[name][path.stem.removeprefix("image_")] = round(score - own_threshold(detector), 3)
    return found


def own_threshold(detector: Detector) -> float:
    """The rule of the card; a probability of 0.5 where there is none."""
    rule = getattr(detector, "rule", None)
    return 0.0 if rule is None else float(rule.threshold)


def kept_file(runs: Path, which: str, detector: Detector) -> Path:
    """Where the scores of a set are kept, by the hashes of the weights."""
    digests = "-".join(digest[:8] for digest in sorted(detector.card.sha256.values()))
    return runs / "scores" / f"{which} {detector.card.name} {digests}.json"


def better(rows: dict[str, Any], new: str, old: str) -> list[str]:
    """Where the new detector is not better than the old one, by the points: none left is the aim."""
    worse = []
    for name, by_detector in rows.items():
        first, second = by_detector[new], by_detector[old]
        for what, sign in (("auc", -1), ("fall", 1), ("told_gain", 1), ("told_offset", 1)):
            if what in first and sign * (first[what]["value"] - second[what]["value"]) > 0:
                worse.append(f"{name}: {what} {first[what]['value']} against {second[what]['value']}")
        for species, found in first.get("species", {}).items():
            if found["value"] < second["species"][species]["value"]:
                worse.append(f"{name}: {species} {found['value']} against {second['species'][species]['value']}")
        for where in ("own", "half"):
            for what in ("bpcer", "apcer"):
                if what in first.get(where, {}) and first[where][what]["value"] > second[where][what]["value"]:
                    pair = f"{first[where][what]['value']} against {second[where][what]['value']}"
                    worse.append(f"{name}: {what} at {where} {pair}")
    return worse


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--london", required=True)
    parser.add_argument("--lfw", required=True)
    parser.add_argument("--minifasnet", required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS, help="london always among them")
    parser.add_argument("--detector", action="append", default=[], help="NAME=SPEC, instead of the usual ones")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.runs.mkdir(parents=True, exist_ok=True)
    usual = [
        "own_trunk=multi_cnn",
        "color_cnn=color_cnn",
        "multitask=multitask",
        f"minifasnet=minifasnet:{options.minifasnet}",
        "fr_liveness=fr_liveness",
    ]
    sets = manifests(options)
    colors = screen_colors(sets["london"], cache=options.runs / "screens.npy")
    named = [given.partition("=")[::2] for given in options.detector or usual]
    detectors = {name: resolve_detector(spec) for name, spec in named}
    rows: dict[str, dict[str, Any]] = {which: {} for which in sets}
    for which, manifest in sets.items():
        files = {name: kept_file(options.runs, which, one) for name, one in detectors.items()}
        missing = {path: detectors[name] for name, path in files.items() if not path.is_file()}
        if missing:
            score_set(missing, manifest, colors=colors, changes=CHANGES[:1] if which in PHOTOS else CHANGES)
        for name, path in files.items():
            kept = json.loads(path.read_text(encoding="utf-8"))
            captures = rows["london"][name]["half"] if which in PHOTOS else None
            rows[which][name] = figures(kept, manifest, own=own_threshold(detectors[name]), captures=captures)
            first = rows[which][name].get("auc", rows[which][name]["own"].get("bpcer"))
            print(f"{which:14s} {name:20s} {first}")
    weights = {name: sorted(one.card.sha256.values()) for name, one in detectors.items()}
    result = {
        "simulated": True, "seed": SEED, "sites": SEALED, "screens": len(colors), "weights": weights,
        "command": "python benchmarks/color_detectors.py --london DIR --lfw DIR --minifasnet DIR --runs RUNS"
        f" --every {options.every} --sets {' '.join(options.sets)}",
        "sets": rows,
        "real": real_photos(Path(options.minifasnet), detectors),
        "worse": {
            new: better(rows, new, old) for new, old in REPLACED.items() if {new, old} <= set(weights)
        },
    }  # fmt: skip
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
