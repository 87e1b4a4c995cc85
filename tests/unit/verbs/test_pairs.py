"""Making pairs: resumable, shared between calls, the same bits whoever makes a shard, users left alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.training.pairs import read_pairs
from facewarden.verbs.training_data import pairs as module
from facewarden.verbs.training_data.pairs import pairs
from stand_ins import TinyRecognizer, make_faces

KINDS = [
    {"name": "plain", "attack": "pgd", "settings": {"steps": 2, "random_start": True}, "surrogates": ["a"], "eps": 8},
    {"name": "oval", "attack": "pgd", "settings": {"steps": 2, "random_start": True}, "surrogates": ["a", "b"],
     "weights": [1, 3], "eps": 4, "region": "face", "share": 2},
]  # fmt: skip


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    from facewarden.core import registry

    def resolve(name: str) -> Recognizer:
        return TinyRecognizer(sum(name.encode()))

    def load(group: str, name: str) -> object:
        return registry.load(group, "precropped" if group == "align" else name)

    monkeypatch.setattr(module, "resolve_recognizer", resolve)
    monkeypatch.setattr(module, "load", load)


@pytest.fixture
def faces(tmp_path: Path) -> str:
    """Eight people with two photos each, and one with ten, who is for evaluation."""
    root = tmp_path / "lfw"
    crops = make_faces(26).permute(0, 2, 3, 1).numpy() * 160 + 40
    names = [f"Some_Body{who:02d}_{i:04d}" for who in range(8) for i in (1, 2)]
    names += [f"A_User_{i:04d}" for i in range(1, 11)]
    for crop, name in zip(crops, names, strict=True):
        folder = root / name[:-5]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop.round().astype(np.uint8)).save(folder / f"{name}.jpg", quality=95)
    return f"lfw:{root}"


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"kind": "purifier", "entry": "puface", "summary": "a tiny one", "pairs": KINDS}))
    return str(path)


def test_pairs_are_within_their_budget_and_of_training_people_only(faces: str, recipe: str, tmp_path: Path) -> None:
    result = pairs(faces, out=tmp_path / "out", recipe=recipe, photos=100, per_file=5, batch=2)
    found = read_pairs(tmp_path / "out")
    assert (result.done, result.kept, result.pairs, len(found)) == (4, 0, 16, 16)
    assert len(set(found.person)) == 8
    assert len(set(found.key)) == 16
    assert set(found.kind) == {"plain", "oval"}
    for clean, cloaked, kind in zip(found.clean, found.cloaked, found.kind, strict=True):
        change = np.abs(cloaked.astype(int) - clean)
        assert 0 < change.max() <= (8 if kind == "plain" else 4)
        assert (change[0].max() == 0) == (kind == "oval")  # above the face


def test_calls_share_the_work_and_go_on(faces: str, recipe: str, tmp_path: Path) -> None:
    pairs(faces, out=tmp_path / "whole", recipe=recipe, photos=100, per_file=5, batch=3)
    first = pairs(faces, out=tmp_path / "parts", recipe=recipe, photos=100, per_file=5, shard="1/2")
    second = pairs(faces, out=tmp_path / "parts", recipe=recipe, photos=100, per_file=5, shard="2/2")
    assert first.done + second.done == 4
    one, other = read_pairs(tmp_path / "whole"), read_pairs(tmp_path / "parts")
    assert one.key == other.key
    assert np.array_equal(one.cloaked, other.cloaked)
    next((tmp_path / "parts").glob("pairs-*")).unlink()
    again = pairs(faces, out=tmp_path / "parts", recipe=recipe, photos=100, per_file=5)
    assert (again.done, again.kept) == (1, 3)
    assert np.array_equal(read_pairs(tmp_path / "parts").cloaked, one.cloaked)


def test_what_cannot_be_made_is_refused(faces: str, recipe: str, tmp_path: Path) -> None:
    for wrong in ({"shard": "3/2"}, {"shard": "one"}, {"photos": 0}, {"first": 99}):
        with pytest.raises(BadInputError):
            pairs(faces, out=tmp_path / "out", recipe=recipe, **wrong)  # type: ignore[arg-type]
    pairs(faces, out=tmp_path / "out", recipe=recipe, photos=2)
    with pytest.raises(BadInputError, match="made in another way"):
        pairs(faces, out=tmp_path / "out", recipe=recipe, photos=2, seed=1)
    (tmp_path / "none.json").write_text(json.dumps({"kind": "purifier", "entry": "puface", "summary": "x"}))
    with pytest.raises(BadInputError, match="learns from no pairs"):
        pairs(faces, out=tmp_path / "out", recipe=str(tmp_path / "none.json"))


def test_photos_that_changed_under_their_names_are_not_mixed_with_pairs_of_before(
    faces: str, recipe: str, tmp_path: Path
) -> None:
    pairs(faces, out=tmp_path / "out", recipe=recipe, photos=100, per_file=5, shard="1/2")
    photo = next((tmp_path / "lfw").glob("Some_*/*.jpg"))
    photo.write_bytes(photo.read_bytes() + b" ")
    with pytest.raises(BadInputError, match="begun with other faces"):
        pairs(faces, out=tmp_path / "out", recipe=recipe, photos=100, per_file=5, shard="2/2")


def test_a_call_that_wants_more_photos_fills_the_last_file(faces: str, recipe: str, tmp_path: Path) -> None:
    few = pairs(faces, out=tmp_path / "out", recipe=recipe, photos=7, per_file=5, batch=2)
    assert (few.done, few.pairs) == (2, 7)
    more = pairs(faces, out=tmp_path / "out", recipe=recipe, photos=16, per_file=5, batch=2)
    assert (more.done, more.kept) == (3, 1)  # the file of two photos is made again with five
    assert len(read_pairs(tmp_path / "out")) == 16
    again = pairs(faces, out=tmp_path / "out", recipe=recipe, photos=7, per_file=5, batch=2)
    assert (again.done, again.kept) == (0, 2)
