"""Do detectors that nobody here trained tell simulated prints and replays from simulated bona fide captures?

Run with `python benchmarks/capture_realism.py --faces london:DIR [--minifasnet FOLDER] [--out FILE.json]`: photos of
people as `facewarden simulate --faces` takes them, and the folder of the two released MiniFASNet checkpoints; needs the
assets `yunet` and `faceplugin_liveness`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from facewarden.align.yunet import YuNet
from facewarden.core.batch import FaceBatch
from facewarden.core.roles import Detector
from facewarden.data.datasets import open_dataset
from facewarden.data.simulate import Simulation, iter_captures
from facewarden.metrics.intervals import percentile_interval
from facewarden.pad.fr_liveness import entry as fr_liveness
from facewarden.pad.minifasnet import MiniFasNet

SPECIES = ("print_flat", "print_bent", "replay_phone", "replay_tablet", "replay_pc")


def interval(score: NDArray[np.float64], label: NDArray[np.int64], subject: NDArray[np.str_]) -> tuple[float, float]:
    """95 % interval of the AUC by subject."""
    rng, people, found = np.random.default_rng(0), np.unique(subject), []
    rows = {person: np.flatnonzero(subject == person) for person in people}
    for _ in range(1000):
        drawn = np.concatenate([rows[person] for person in rng.choice(people, len(people))])
        found.append(roc_auc_score(label[drawn], score[drawn]))
    area = float(roc_auc_score(label, score))
    widened = percentile_interval(area, np.array(found), n=len(score), subjects=len(people))
    return widened.low, widened.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", required=True)
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    parser.add_argument("--minifasnet", type=Path)
    parser.add_argument("--subjects", type=int, default=32)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--framing", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    yunet = YuNet()
    detectors: dict[str, Detector] = {"fr_liveness": fr_liveness()}
    if options.minifasnet:
        detectors["minifasnet"] = MiniFasNet(options.minifasnet)

    def locate(image: NDArray[np.uint8]) -> NDArray[np.floating] | None:
        found = yunet.locate(image)
        return np.array(found[0].landmarks) if found else None

    photos = open_dataset(options.faces)
    scores: dict[str, list[float]] = {name: [] for name in detectors}
    labels, subjects, domains, missed = [], [], [], 0
    simulation = Simulation(
        subjects=options.subjects, captures_per_subject=8, species=SPECIES, size=options.size, framing=options.framing,
        seed=options.seed,
    )  # fmt: skip
    for capture in iter_captures(simulation, faces=photos, locate=locate):
        found = yunet.locate(capture.rgb)
        if not found:
            missed += 1
            continue
        box = max((face.box for face in found), key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
        image = torch.from_numpy(capture.rgb.copy()).permute(2, 0, 1)[None].float() / 255
        batch = FaceBatch(
            images={"rgb": image}, present={"rgb": torch.ones(1, dtype=torch.bool)}, key=(capture.spec.key,),
            box=torch.tensor(np.array(box), dtype=torch.float32)[None],
        )  # fmt: skip
        with torch.no_grad():
            for name, detector in detectors.items():
                scores[name].append(float(detector(batch).score))
        labels.append(capture.label)
        subjects.append(capture.spec.subject)
        domains.append(capture.spec.domain)
    label, subject, domain = np.array(labels), np.array(subjects), np.array(domains)
    print(f"simulated: {len(label)} captures of {len(np.unique(subject))} people, no face found in {missed}")
    figures: dict[str, object] = {
        "simulated": True,
        "n": len(label),
        "people": len(np.unique(subject)),
        "no_face": missed,
    }
    for name, values in scores.items():
        score = np.array(values)
        low, high = interval(score, label, subject)
        sites = {
            str(site): float(roc_auc_score(label[domain == site], score[domain == site])) for site in np.unique(domain)
        }
        figures[name] = {"auc": float(roc_auc_score(label, score)), "low": low, "high": high, "auc_by_domain": sites}
        print(
            f"{name}: AUC {roc_auc_score(label, score):.3f} [{low:.3f}, {high:.3f}], bona fide against prints, replays"
        )
        for site in np.unique(domain):
            here = domain == site
            print(f"  {site}: {roc_auc_score(label[here], score[here]):.3f} (n = {here.sum()})")
    if options.out:
        settings = vars(options) | {"faces": options.faces.partition(":")[0], "out": None, "minifasnet": None}
        options.out.write_text(json.dumps({"settings": settings, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
