"""The cloak verb in worker processes: pixels do not depend on them, and a stop in a batch changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.experiments.cloaking.cloak_folder import CloakFolder
from facewarden.verbs.cloak import Cloaked, cloak
from stand_ins import make_faces


@pytest.fixture
def photos(tmp_path: Path, need_asset: Callable[[str], Path]) -> Path:
    need_asset("facesdk_mobilefacenet")
    folder = tmp_path / "photos"
    folder.mkdir()
    crops = (make_faces(4, seed=5) * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
    for number, crop in enumerate(crops):
        Image.fromarray(crop).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def run(photos: Path, out: Path, *, workers: int) -> Cloaked:
    return cloak(photos, out=out, method='pgd{"steps": 2}', surrogates="mobilefacenet_128", aligner="precropped",
                 workers=workers, batch=2)  # fmt: skip


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.suffix in (".png", ".csv")}


def test_bytes_are_equal_for_any_number_of_workers_and_after_a_stop(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, two = (run(photos, tmp_path / str(workers), workers=workers) for workers in (1, 2))
    assert (two.done, two.skipped) == (alone.done, alone.skipped) == (4, alone.skipped)
    assert content(tmp_path / "1") == content(tmp_path / "2")
    # a stop in the middle of a batch
    stages = sorted((tmp_path / "2" / "record" / "stages").glob("photo-*.json"))
    gone = next(path for path in stages if json.loads(path.read_text())["source"] == "1.png")
    gone.unlink()
    again = run(photos, tmp_path / "2", workers=2)
    assert (again.done, again.kept) == (1, 3)
    assert content(tmp_path / "1") == content(tmp_path / "2")
    # a photo that cannot be read is no reason to cloak its neighbors again
    monkeypatch.setattr(CloakFolder, "_written", lambda *_: pytest.fail("cloaked again"))
    assert run(photos, tmp_path / "1", workers=1).kept == 4
