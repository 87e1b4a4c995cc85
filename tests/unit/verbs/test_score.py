"""Scores of photos and captures, with a detector that can be worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, Detector, FaceLocation, PadOutput
from facewarden.data.photo_files import photos_of
from facewarden.data.table import read_table
from facewarden.verbs import score as module
from facewarden.verbs.score import score


class Brightness(Detector):
    """Score = 10 x mean of the frame."""

    card = Card("brightness", "brightness", "pad")
    needs_box = True

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(10 * batch.images["rgb"].mean(dim=(1, 2, 3)))


class WhereBright(Aligner):
    """Finds a face in every photo that is not black."""

    def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:  # type: ignore[type-arg]
        points = ((4.0, 4.0), (8.0, 4.0), (6.0, 6.0), (4.5, 8.0), (7.5, 8.0))
        return (FaceLocation((2.0, 2.0, 10.0, 10.0), points),) if image.max() > 0 else ()


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: Brightness())
    monkeypatch.setattr(module, "load", lambda group, name: WhereBright)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.new("RGB", (16, 16), (51, 51, 51)).save(tmp_path / "in" / "gray.png")
    Image.new("RGB", (20, 12), (255, 255, 255)).save(tmp_path / "in" / "deep" / "white.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "in" / "black.png")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    return tmp_path / "in"


def test_photos_of_any_size_are_scored_and_the_rest_is_counted(folder: Path, tmp_path: Path) -> None:
    (folder / "x.heic").write_bytes(b"?")
    found = score(folder, out=tmp_path / "scores.csv")
    assert dict(zip(found.key, found.score, strict=True)) == pytest.approx({"deep/white.png": 10.0, "gray.png": 2.0})
    assert found.skipped == {
        "no face found": 1,
        "unreadable photo: not a picture in a known format": 1,
        "not read: .heic": 1,
    }
    assert read_table(tmp_path / "scores.csv")["key"] == ["deep/white.png", "gray.png"]


def test_a_single_photo(folder: Path) -> None:
    assert score(folder / "gray.png").score == pytest.approx((2.0,))


@pytest.mark.parametrize("name", ["scores.txt", "in/gray.png/scores.csv"])
def test_a_table_that_cannot_be_written_is_refused_before_anything_is_scored(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: pytest.fail("scored"))
    with pytest.raises(BadInputError, match=r"scores\."):
        score(folder, out=tmp_path / name)


def test_nothing_to_score_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="holds no photos"):
        photos_of(tmp_path / "empty")
    with pytest.raises(BadInputError, match="does not exist"):
        photos_of(tmp_path / "absent")
