"""Faces of photos, found in any number of processes: the same crops, in the order of the photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.align.precropped import Precropped
from facewarden.core.errors import BadInputError
from facewarden.data.datasets import open_dataset
from facewarden.photos import find_faces as module
from facewarden.photos.align_photos import align_photos
from facewarden.photos.find_faces import FindJob, find_faces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for person in ("a", "b"):
        (tmp_path / person).mkdir()
        for number in range(4):
            level = 40 * number + (20 if person == "b" else 0)
            Image.new("RGB", (112, 112), (level, 99, 12)).save(tmp_path / person / f"{number}.png")
    (tmp_path / "a" / "broken.png").write_bytes(b"no picture")
    return tmp_path


def test_workers_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RUN", 2)
    dataset = open_dataset(str(folder))
    alone, two = (align_photos(dataset, dataset.photos(), aligner="precropped", workers=workers) for workers in (1, 2))
    assert np.array_equal(alone.crops, two.crops)
    assert (alone.key, alone.person, alone.skipped) == (two.key, two.person, two.skipped)
    assert [int(crop[56, 56, 0]) for crop in alone.crops] == [0, 40, 80, 120, 20, 60, 100, 140]
    assert alone.skipped == {"unreadable photo: not a picture in a known format": 1}


def test_what_the_aligner_refuses_is_told(folder: Path) -> None:
    Image.new("RGB", (112, 90)).save(folder / "a" / "wide.png")
    looks = list(find_faces(sorted((folder / "a").iterdir()), FindJob(Precropped(), crops=False)))
    assert [look.count for look in looks] == [1, 1, 1, 1, 0, 0]
    assert looks[4].unread
    assert looks[5].refused is not None
    assert all(look.crop is None for look in looks)
    dataset = open_dataset(str(folder))
    with pytest.raises(BadInputError, match="no aligned crop"):
        align_photos(dataset, dataset.photos(), aligner="precropped")
