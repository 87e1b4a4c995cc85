"""The cloak verb with methods that make one mask a person: who is together, what is refused, what goes on."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.data.photo import read_photo
from facewarden.evaluation.attack_options import build_attack
from facewarden.photos.crop_landmarks import in_crops
from facewarden.verbs import cloak as module
from facewarden.verbs.cloak import Cloaked, cloak
from stand_ins import TinyRecognizer, make_faces

MID = slice(40, 90)  # inside of the face, where the whole change arrives


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def resolve(name: str) -> Recognizer:
        model = TinyRecognizer(sum(name.encode()))
        model.card = replace(model.card, match_threshold=0.245)
        return model

    monkeypatch.setattr(module, "resolve_recognizer", resolve)
    for number, name in enumerate(("ann/1.png", "ann/2.png", "ann/more/3.png", "bo/1.png", "bo/2.png")):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = make_faces(1, seed=number)[0].permute(1, 2, 0).numpy() * 150 + 50
        Image.fromarray(pixels.round().astype(np.uint8)).save(path)
    return tmp_path / "in"


def run(source: Path, out: Path, **options: Any) -> Cloaked:
    options = {"method": 'opom{"steps": 3}', **options}
    return cloak(source, out=out, surrogates="one,two", aligner="precropped", **options)


def change(source: Path, out: Path, name: str) -> torch.Tensor:
    after, before = (read_photo(path).astype(int) for path in (out / f"{name}.png", source / name))
    return torch.from_numpy((after - before)[MID, MID])


@pytest.mark.parametrize("method", ['opom{"steps": 3}', 'facecloak{"steps": 2, "variants": 2}'])
def test_photos_of_a_folder_get_one_mask(people: Path, tmp_path: Path, method: str) -> None:
    result = run(people, tmp_path / "out", method=method)
    assert result.done == 5
    first, second, third = (change(people, tmp_path / "out", f"ann/{name}.png") for name in ("1", "2", "more/3"))
    other = change(people, tmp_path / "out", "bo/1.png")
    assert 2 <= int(first.abs().max()) <= 8
    same = ((first - second).abs() <= 1).float().mean(), ((first - third).abs() <= 1).float().mean()
    assert min(same) > 0.95
    assert float(((first - other).abs() <= 1).float().mean()) < 0.8


def test_a_call_that_stopped_makes_the_same_mask_again(people: Path, tmp_path: Path) -> None:
    run(people, tmp_path / "out")
    whole = read_photo(tmp_path / "out" / "ann" / "2.png.png")
    (tmp_path / "out" / "ann" / "2.png.png").unlink()
    again = run(people, tmp_path / "out")
    assert (again.done, again.kept) == (1, 4)
    assert np.array_equal(read_photo(tmp_path / "out" / "ann" / "2.png.png"), whole)


def test_photos_without_a_folder_of_a_person_are_refused_before_anything_is_written(
    people: Path, tmp_path: Path
) -> None:
    shutil.copy(people / "bo" / "1.png", people / "loose.png")
    with pytest.raises(BadInputError, match="1 of 6 photos lie in no person's folder") as refused:
        run(people, tmp_path / "out")
    assert "one folder for each person" in str(refused.value)
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInputError, match="1 of 1 photos"):
        run(people / "loose.png", tmp_path / "out")
    with pytest.raises(BadInputError, match="separate photos of a person"):
        run(people, tmp_path / "out", shard="1/2")


def test_detectors_have_no_people() -> None:
    with pytest.raises(BadInputError, match="one mask for all photos of a person"):
        build_attack("opom", {})


def test_landmarks_move_with_the_crop() -> None:
    template = [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
    larger = [(2 * x + 30, 2 * y - 7) for x, y in template]
    assert np.allclose(in_crops([larger])[0].numpy(), template, atol=1e-3)
