"""The purify verb in worker processes: bytes do not depend on them, and a stop in a batch changes nothing."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.photo import read_photo
from facewarden.verbs.purify import Purified, purify
from stand_ins import make_faces


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    crops = (make_faces(7, seed=5) * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
    for number, crop in enumerate(crops):
        Image.fromarray(crop).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def run(photos: Path, out: Path, *, workers: int, batch: int) -> Purified:
    return purify(photos, out=out, aligner="precropped", recognizer="", workers=workers, batch=batch)


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.suffix in (".png", ".csv")}


@pytest.mark.parametrize("batch", [1, 3])
def test_bytes_are_equal_for_any_number_of_workers_and_after_a_stop(photos: Path, tmp_path: Path, batch: int) -> None:
    alone, two = (run(photos, tmp_path / str(workers), workers=workers, batch=batch) for workers in (1, 2))
    assert (two.done, two.kept, two.skipped) == (alone.done, alone.kept, alone.skipped)
    assert content(tmp_path / "1") == content(tmp_path / "2")
    journals = [(tmp_path / str(workers) / "purified.jsonl").read_bytes() for workers in (1, 2)]
    assert journals[0] == journals[1]
    # a stop in the middle of a batch
    journal = tmp_path / "2" / "purified.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:2]) + b'{"source": "5.p')
    (tmp_path / "2" / "6.png.png").unlink()
    again = run(photos, tmp_path / "2", workers=2, batch=batch)
    assert (again.done, again.kept) == (5, 2)
    assert content(tmp_path / "1") == content(tmp_path / "2")


def test_batches_agree_within_one_gray_level(photos: Path, tmp_path: Path) -> None:
    rows = []
    for batch in (1, 4):
        run(photos, tmp_path / str(batch), workers=1, batch=batch)
        with (tmp_path / str(batch) / "purified.csv").open(newline="") as file:
            rows.append(list(csv.DictReader(file)))
    for one, other in zip(*rows, strict=True):
        assert (one["source"], one["treatment"]) == (other["source"], other["treatment"])
        if one["file"]:
            assert float(one["likelihood"]) == pytest.approx(float(other["likelihood"]), abs=1e-5)
            apart = read_photo(tmp_path / "1" / one["file"]).astype(int) - read_photo(tmp_path / "4" / other["file"])
            assert np.abs(apart).max() <= 1


def test_impossible_numbers_are_refused(photos: Path, tmp_path: Path) -> None:
    for workers, batch in ((-1, 1), (1, 0)):
        with pytest.raises(BadInputError, match="--batch 1"):
            run(photos, tmp_path / "out", workers=workers, batch=batch)
