"""The parts of a distillation: components against scikit-learn, who is held out, recipes, chunks made once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.nn.trunk import SHAPES, TrunkShape
from facewarden.photos.distillation_data import principal, taken_in_chunks
from facewarden.training.distill.distillation_data import DistillationViews
from facewarden.training.distill.student import Student
from facewarden.verbs import distill as module
from facewarden.verbs.distill import distill, held_out, read_distill_recipe, verification


def test_components_are_those_of_scikit_learn() -> None:
    rows = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([5, 1, 3, 0.1, 2, 0.5])
    found = principal(rows, 3)
    oracle = PCA(3).fit(rows.numpy())
    ours = ((rows - found["mean"]) @ found["axes"] / found["spread"]).numpy()
    theirs = oracle.transform(rows.numpy()) / np.sqrt(oracle.explained_variance_.sum() * 199 / 200)
    np.testing.assert_allclose(np.abs(ours[:, ::-1]), np.abs(theirs), atol=1e-4)  # largest first there, signs free
    assert ours.var(axis=0).sum() == pytest.approx(1, abs=1e-4)


def test_one_person_in_ten_is_held_out_whoever_else_is_there() -> None:
    people = [f"person {number}" for number in range(2000)]
    held = [held_out(person, 10) for person in people]
    assert 150 < sum(held) < 250
    assert held[:50] == [held_out(person, 10) for person in people[:50]]


def test_the_shipped_recipe_makes_the_trunk_of_that_name() -> None:
    assert read_distill_recipe("face_vit").shape == SHAPES["face_vit"]


def test_recipes_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnknownEntryError, match="face_vit"):
        read_distill_recipe("nothing")
    (tmp_path / "a.json").write_text('{"summary": "s", "shape": {}}')
    with pytest.raises(BadInputError, match=r"a\.json"):
        read_distill_recipe(str(tmp_path / "a.json"))


def test_a_finished_chunk_is_not_made_again(tmp_path: Path) -> None:
    asked: list[list[int]] = []

    def take(part: Sequence[Any]) -> list[DistillationViews]:
        asked.append(list(part))
        pixels = torch.zeros(len(part), 1, 4, 4, dtype=torch.uint8)
        return [
            DistillationViews("depth", pixels, {}, torch.zeros(len(part), 1, 1, 1), tuple(str(item) for item in part))
        ]

    first = taken_in_chunks(range(5), take, label="", name="x", folder=tmp_path, each=2)
    (tmp_path / "x-0001.done").unlink()  # as if killed before the mark
    second = taken_in_chunks(range(5), take, label="", name="x", folder=tmp_path, each=2)
    assert asked == [[0, 1], [2, 3], [4], [2, 3]]
    assert [part.person for part in first] == [part.person for part in second] == [("0", "1"), ("2", "3"), ("4",)]


def test_verification_ranks_a_perfect_teacher_first() -> None:
    draw = torch.Generator().manual_seed(0)
    person = (*(f"p{i // 3}" for i in range(12)), "alone")
    centers = torch.nn.functional.one_hot(torch.tensor([int(i // 3) for i in range(13)]), 5).float()
    views = DistillationViews(
        "photo",
        torch.randint(0, 256, (13, 3, 36, 36), generator=draw, dtype=torch.uint8),
        {"perfect": centers},
        torch.zeros(13, 4, 2, 2),
        person,
    )
    student = Student(
        TrunkShape(size=32, patch=16, width=16, depth=1, heads=2), teachers={"perfect": 5}, components=4, seed=0
    )
    found = verification(student.eval(), views, teachers=["perfect"], seed=0)
    assert found["perfect"]["genuine"] == 12  # who has one photo makes no genuine pair and is left out
    assert found["perfect"]["impostor"] == 12 * 11 // 2 - 12
    assert found["perfect"]["eer"]["value"] == 0
    assert set(found) == {"trunk", "trunk_gray", "perfect"}
    assert found["trunk"]["eer"]["value"] > 0.1


def test_too_few_people_to_measure_on_are_told_before_anything_is_drawn_or_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twelve people one is held out: it was told after the last epoch."""
    for number in range(12):
        (tmp_path / f"faces/p{number}").mkdir(parents=True)
        (tmp_path / f"faces/p{number}/a.png").write_bytes(b"%d" % number)
    people = [f"p{number // 2}" for number in range(24)]
    assert sum(held_out(person, 10) for person in set(people)) < 2
    views = DistillationViews(
        "photo", torch.zeros(24, 3, 4, 4, dtype=torch.uint8), {}, torch.zeros(24, 1, 1, 1), tuple(people)
    )
    monkeypatch.setattr(module, "resolve_recognizer", lambda name: None)
    monkeypatch.setattr(module, "Teachers", lambda *given, **named: None)
    monkeypatch.setattr(module, "load", lambda *given: object)
    monkeypatch.setattr(module, "photo_views", lambda *given, **named: ([views], {"no face found": 3}))
    monkeypatch.setattr(module, "drawn_views", lambda *given, **named: pytest.fail("drawn before the check"))
    with pytest.raises(BadInputError, match="with two photos are left to measure on: one person in 10"):
        distill(out=tmp_path / "out", faces=tmp_path / "faces")


def test_lfw_is_taken_without_its_users(tmp_path: Path) -> None:
    """Refused before any teacher is asked: the folder is not there."""
    with pytest.raises(BadInputError, match="no such folder"):
        distill(out=tmp_path / "out", faces=f"lfw:{tmp_path / 'none'}")
