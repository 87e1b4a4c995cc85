"""Distillation: views come back from disk, maps move along with views, losses by hand, a killed run ends the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.nn.trunk import TrunkShape
from facewarden.training.distill.changes import change, still
from facewarden.training.distill.distillation_data import (
    DistillationViews,
    Kind,
    centered,
    join,
    read_views,
    write_views,
)
from facewarden.training.distill.loop import DistillSettings, distill_student
from facewarden.training.distill.student import Student, distance

SHAPE = TrunkShape(size=32, patch=16, width=16, depth=1, heads=2)


def some(kind: Kind, count: int = 12) -> DistillationViews:
    draw = torch.Generator().manual_seed(len(kind))
    channels = 3 if kind == "photo" else 1
    vectors = torch.nn.functional.normalize(torch.randn(count, 6, generator=draw), dim=1)
    return DistillationViews(
        kind,
        torch.randint(0, 256, (count, channels, 36, 36), generator=draw, dtype=torch.uint8),
        {"ada": vectors},
        torch.randn(count, 4, 2, 2, generator=draw) / 2,
        tuple(f"p{i // 2}" for i in range(count)),
    )


def student() -> Student:
    return Student(SHAPE, teachers={"ada": 6}, components=4, seed=1)


def test_views_come_back_from_disk(tmp_path: Path) -> None:
    given = some("photo", 4)
    write_views(tmp_path / "a.safetensors", given)
    found = read_views(tmp_path / "a.safetensors")
    assert (found.kind, found.person) == (given.kind, given.person)
    assert torch.equal(found.pixels, given.pixels)
    torch.testing.assert_close(found.embeddings["ada"].float(), given.embeddings["ada"], atol=1e-3, rtol=0)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    write_views(tmp_path / "a.safetensors", some("photo", 4))
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:99])
    with pytest.raises(BadInputError, match=r"a\.safetensors"):
        read_views(tmp_path / "a.safetensors")


def test_parts_join_in_order() -> None:
    whole = some("depth", 6)
    again = join([whole.select([0, 1]), whole.select([2, 3, 4, 5])])
    assert torch.equal(again.pixels, whole.pixels)
    assert again.person == whole.person


def test_what_all_embeddings_share_is_taken_away() -> None:
    common = torch.tensor([[10.0, 1.0, 0.0], [10.0, -1.0, 0.0]])
    views = DistillationViews(
        "photo", torch.zeros(2, 3, 4, 4, dtype=torch.uint8), {"ada": common}, torch.zeros(2, 1, 1, 1), ("a", "b")
    )
    assert centered(views).embeddings["ada"].tolist() == [[0, 1, 0], [0, -1, 0]]


def test_an_untaught_student_knows_nothing_of_the_map() -> None:
    """It misses exactly what there is, not more."""
    _, cells, whole = student()(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert not cells.any()
    assert not whole.any()


def test_the_map_moves_with_the_view() -> None:
    """A view whose left half is bright keeps the map's bright cells on the bright side, mirrored or not."""
    pixels = torch.zeros(16, 1, 36, 36)
    pixels[..., :18] = 0.8
    maps = torch.zeros(16, 1, 4, 4)
    maps[..., :2] = 1
    images, moved = change(pixels, maps, kind="infrared", size=32, gray=0.0, generator=torch.Generator().manual_seed(0))
    bright = images.mean(dim=(1, 2))  # by column
    brighter_left = bright[:, :8].mean(dim=1) > bright[:, -8:].mean(dim=1)
    cells_left = moved[:, 0, :, 0].mean(dim=1) > moved[:, 0, :, -1].mean(dim=1)
    assert torch.equal(brighter_left, cells_left)
    assert 0 < int(brighter_left.sum()) < 16  # some are mirrored


def test_holes_of_depth_stay_holes() -> None:
    pixels = torch.full((4, 1, 36, 36), 0.5)
    pixels[..., 12:24, 12:24] = 0
    images, _ = change(
        pixels, torch.zeros(4, 1, 2, 2), kind="depth", size=32, gray=0.0, generator=torch.Generator().manual_seed(1)
    )
    assert bool((images[:, :, 14:18, 14:18] == 0).all())
    assert bool((images[:, 0, 0, 0] > 0.1).all())


@pytest.mark.parametrize(("gray", "expected"), [(1.0, True), (0.0, False)])
def test_photos_are_grayed_as_often_as_told(gray: float, expected: bool) -> None:
    draw = torch.Generator().manual_seed(2)
    pixels = torch.rand(8, 3, 36, 36, generator=draw)
    # noise differs between channels, so colors are compared by their means
    images, _ = change(pixels, torch.zeros(8, 1, 2, 2), kind="photo", size=32, gray=gray, generator=draw)
    means = images.mean(dim=(2, 3))
    assert bool(((means - means[:, :1]).abs().amax(dim=1) < 2e-3).all()) == expected


def test_the_middle_is_cut_unchanged() -> None:
    pixels = torch.arange(36.0).expand(1, 1, 36, 36) / 36
    assert torch.equal(still(pixels, size=32)[0, 2], pixels[0, 0, 2:34, 2:34])


def test_distances_by_hand() -> None:
    said = {"a": torch.tensor([[2.0, 0.0], [0.0, 1.0]]), "b": torch.tensor([[1.0, 0.0], [1.0, 0.0]])}
    target = {"a": torch.tensor([[1.0, 0.0], [1.0, 0.0]]), "b": torch.tensor([[-1.0, 0.0], [1.0, 0.0]])}
    maps = torch.ones(2, 3, 2, 2)
    found = distance((said, torch.zeros(2, 3, 2, 2), torch.ones(2, 3)), embeddings=target, maps=maps)
    assert found["identity"].item() == pytest.approx((0 + 1 + 2 + 0) / 4)
    assert found["patches"].item() == pytest.approx(3.0)  # sum over components, mean over cells
    assert found["whole"].item() == 0


def test_it_learns_and_a_killed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    views = {"photo": some("photo"), "depth": some("depth", 6)}
    settings = DistillSettings(epochs=6, batch=6, rate=3e-3, gray=0.0)
    whole, killed = student(), student()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    log = distill_student(whole, views, settings=settings, seed=0, run=tmp_path / "a")
    distill_student(killed, views, settings=settings, seed=0, run=tmp_path / "b", stop_after=2)
    fresh = student()
    assert distill_student(fresh, views, settings=settings, seed=0, run=tmp_path / "b") == log
    first, second = whole.state_dict(), fresh.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert log[-1]["identity_photo"] < log[0]["identity_photo"]
    assert {"identity_depth", "patches_photo", "whole_depth"} <= set(log[0])


def test_settings_that_cannot_be() -> None:
    with pytest.raises(BadInputError, match="float16"):
        DistillSettings(precision="float16")
