"""Enough small captures of three sensors for the gate of an export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from facewarden.core.roles import Detector
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample

SIDE = 40


def write_many(folder: Path, *, count: int = 320, people: str = "p") -> Path:
    """Captures of soft noise, attacks darker in infrared; a sixth of the people in dev and in test."""
    rng = np.random.default_rng(len(people))
    rows = []
    for number in range(count):
        label, person = number % 2, number // 8
        split = ("train", "train", "train", "train", "dev", "test")[person % 6]
        key = f"{people}{number}"
        sensors = {"rgb": 3, "depth": 1, "infrared": 1}
        for name, channels in sensors.items():
            coarse = rng.integers(60, 200, (5, 5, channels)).astype(np.uint8)
            picture = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
            dark = 40 if name == "infrared" and label == 0 else 0
            cv2.imwrite(str(folder / f"{key}_{name}.png"), np.clip(picture.astype(int) - dark, 1, 254).astype(np.uint8))
        rows.append(
            Sample(
                key=key, split=split, label=label, species="bona_fide" if label else "print_flat",  # type: ignore[arg-type]
                subject=f"{people} {person}", domain="alder", box=(6.0, 6.0, 34.0, 34.0), simulated=True,
                depth_encoding="picture", **{name: f"{key}_{name}.png" for name in sensors},
            )
        )  # fmt: skip
    manifest = folder / f"{people}.csv"
    Manifest(tuple(rows), root=folder, name=f"many {people}").write(manifest)
    return manifest


def licensed(detector: Detector) -> Detector:
    """The detector with a card whose licence lets it be passed on."""
    detector.card = replace(detector.card, licence="Apache-2.0")
    return detector
