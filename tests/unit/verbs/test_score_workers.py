"""The score verb in worker processes: no score depends on them, and batches agree to the sixth digit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.simulate import Simulation, simulate
from facewarden.evaluation.photo_scores import together
from facewarden.nn.fast_forward import FastForward
from facewarden.verbs.score import ScoreResult, score


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five simulated captures."""
    folder = tmp_path_factory.mktemp("captures")
    simulate(folder, Simulation(subjects=5, captures_per_subject=1, size=160, seed=3))
    return folder


@pytest.fixture
def photos(captures: Path, tmp_path: Path, need_asset: Callable[[str], Path]) -> Path:
    """Their color images, one twice, two sizes, one without a face and one that is none: more than are few."""
    need_asset("yunet")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, path in enumerate(sorted(captures.rglob("*_rgb.png"))):
        shutil.copy(path, folder / f"{number}.png")
    shutil.copy(folder / "0.png", folder / "again.png")
    with Image.open(folder / "0.png") as photo:
        photo.resize((240, 240)).save(folder / "larger.png")
    Image.new("RGB", (100, 80)).save(folder / "black.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def same(one: ScoreResult, other: ScoreResult) -> bool:
    told = [(result.key, result.score, result.skipped, result.box, result.n_faces, result.notes)
            for result in (one, other)]  # fmt: skip
    return told[0] == told[1]


def test_photos(photos: Path, tmp_path: Path) -> None:
    alone = score(photos, detector="multi_cnn", workers=1, batch=3, out=tmp_path / "1.csv")
    two = score(photos, detector="multi_cnn", workers=2, batch=3, out=tmp_path / "2.csv")
    assert len(alone.key) >= 4
    assert same(alone, two)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    other = score(photos, detector="multi_cnn", workers=1, batch=1)
    assert other.key == alone.key
    assert np.abs(np.array(other.score) - np.array(alone.score)).max() < 1e-5


def test_few_photos_are_scored_without_recording_the_detector(
    photos: Path, tmp_path: Path, need_asset: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    need_asset("faceplugin_liveness")
    opened: list[str] = []
    real = FastForward._opened

    def noted(self: FastForward) -> Any:
        opened.append(type(self.network).__name__)
        return real(self)

    monkeypatch.setattr(FastForward, "_opened", noted)
    one = score(photos / "0.png", detector="fr_liveness")
    assert not opened
    (tmp_path / "some").mkdir()
    for number in range(8):
        shutil.copy(photos / "0.png", tmp_path / "some" / f"{number}.png")
    some = score(tmp_path / "some", detector="fr_liveness", workers=1)
    assert not opened
    many = score(photos, detector="fr_liveness", workers=1)
    assert opened
    for other in (some.score[0], many.score[many.key.index("0.png")]):
        assert other == pytest.approx(one.score[0], abs=1e-5)


def test_captures(captures: Path) -> None:
    manifest = captures / "manifest.csv"
    alone = score(manifest, detector="multi_cnn", workers=1)
    assert same(alone, score(manifest, detector="multi_cnn", workers=2))
    other = score(manifest, detector="multi_cnn", workers=1, batch=2)
    assert dict(zip(other.key, other.score, strict=True)) == pytest.approx(
        dict(zip(alone.key, alone.score, strict=True)), abs=1e-5
    )
    with pytest.raises(BadInputError, match="batch 0"):
        score(manifest, detector="multi_cnn", batch=0)


def test_frames_of_one_size_go_together_until_they_are_many() -> None:
    small, large = (100, 100, 3), (1500, 1500, 3)
    assert list(together([small, None, large, small, large, small])) == [[2], [4], [0, 3, 5]]
    assert list(together([(4000, 4000, 3)])) == [[0]]
