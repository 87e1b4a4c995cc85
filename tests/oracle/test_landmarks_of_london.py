"""The five landmarks chosen from the London set's 189 against those that YuNet finds by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from facewarden.core.registry import load
from facewarden.data.datasets import open_dataset
from facewarden.data.photo import read_photo


def test_chosen_points_agree_with_yunet(shared_data: Path, need_asset: Callable[[str], Path]) -> None:
    need_asset("yunet")
    aligner = load("align", "yunet")()
    photos = [photo for photo in open_dataset(f"london:{shared_data / 'london'}").photos() if photo.landmarks][::10]
    distances = []
    for photo in photos:
        found = np.array(aligner.locate(read_photo(photo.path))[0].landmarks)
        between_eyes = np.linalg.norm(found[1] - found[0])
        distances.append(np.linalg.norm(np.array(photo.landmarks) - found, axis=1) / between_eyes)
    assert len(distances) == 11
    assert float(np.mean(distances, axis=0).max()) < 0.1  # of the distance between the eyes, for every point
