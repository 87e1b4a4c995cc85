"""Does where a training picture comes from tell its class? A floor for sets that are joined of several sources.

    python benchmarks/color_sources.py procedural=A/manifest.csv photos=B/manifest.csv pairs=C/photos.csv --out x.json

A detector that learns from several sources can learn the source instead of the class, where one source has more of a
class. Of every source a linear model (logistic, on equalized 16 x 16 thumbnails and global statistics of the 112 px
view) learns on the train split to tell it from the others. On dev: `source`, its AUC for what it learned; `label`, the
AUC of the same score for the class, 0.5 where the source says nothing of it; and `class`, the AUC of a linear model of
the same features that learned the class. Every source and class weighs the same. Intervals: 1,000 draws of people.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from color_detectors import area, shown
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.data.manifest import Manifest
from facewarden.nn.equalized import equalized
from facewarden.nn.floors.statistics import GlobalStatistics
from facewarden.pad.color_cnn import ColorCnn
from facewarden.training.detector_inputs import read_views

SIDE = 16
Floats = NDArray[np.float64]
Part = dict[str, NDArray[Any]]


def features(batch: FaceBatch) -> Floats:
    """Thumbnails and statistics of views, `(b, f)`.

    Args:
        batch: views of one size.
    """
    images = equalized(batch.images["rgb"])
    small = functional.adaptive_avg_pool2d(images, SIDE).flatten(1)
    numbers = GlobalStatistics().blocks(images[None])
    return torch.cat([small, *numbers], dim=1).double().numpy()


def part_of(sets: Mapping[str, Manifest], detector: ColorCnn, split: str) -> Part:
    """Features, label, source and person of a split of all sets."""
    columns: dict[str, list[Any]] = {"x": [], "label": [], "source": [], "person": []}
    for name, manifest in sets.items():
        for batch in read_views(manifest.where(split=split), detector):
            assert batch.label is not None
            columns["x"].append(features(batch))
            columns["label"].append(batch.label.numpy())
            columns["source"].append(np.full(len(batch), name))
            columns["person"].append(np.array([f"{name} {who}" for who in batch.subject or ()]))
    return {name: np.concatenate(values) for name, values in columns.items()}


def weights_of(part: Part) -> Floats:
    """So that every class of every source weighs the same."""
    cells = np.array([f"{source} {label}" for source, label in zip(part["source"], part["label"], strict=True)])
    _, where, counts = np.unique(cells, return_inverse=True, return_counts=True)
    return np.asarray(len(cells) / len(counts) / counts[where], np.float64)


def linear(train: Part, wanted: NDArray[Any], dev: Part) -> Floats:
    """Scores of a linear model on dev."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    model.fit(train["x"], wanted, logisticregression__sample_weight=weights_of(train))
    return np.asarray(model.decision_function(dev["x"]), np.float64)


def told(score: Floats, wanted: NDArray[Any], person: NDArray[Any]) -> dict[str, Any]:
    """AUC of a score for a yes or no."""
    yes = wanted.astype(bool)
    return shown(area(score[yes], score[~yes], (person[yes], person[~yes])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", help="NAME=MANIFEST")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = {name: Manifest.read(Path(path)) for name, _, path in (given.partition("=") for given in options.sets)}
    detector = ColorCnn.untrained({"pretrained": False}, seed=0)
    train, dev = (part_of(sets, detector, split) for split in ("train", "dev"))
    result: dict[str, Any] = {
        "class": told(linear(train, train["label"], dev), dev["label"], dev["person"]), "sources": {},
    }  # fmt: skip
    for name in sets:
        score = linear(train, train["source"] == name, dev)
        row = {f"{split}_{kind}": int(((part["source"] == name) & (part["label"] == label)).sum())
               for split, part in (("train", train), ("dev", dev))
               for label, kind in ((1, "bona_fide"), (0, "attacks"))}  # fmt: skip
        result["sources"][name] = {
            **row, "source": told(score, dev["source"] == name, dev["person"]),
            "label": told(score, dev["label"] == 1, dev["person"]),
        }  # fmt: skip
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
