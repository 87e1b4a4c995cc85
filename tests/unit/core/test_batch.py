from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facewarden.core.batch import FaceBatch, check_unit_range
from facewarden.core.errors import ContractError
from many_heads import toy_faces
from stand_ins import make_batch


def batch_with(**changes: Any) -> FaceBatch:
    values: dict[str, Any] = {"images": {"rgb": torch.rand(2, 3, 8, 8)}, "key": ("a", "b")}
    return FaceBatch(**{**values, **changes})


def test_a_plain_batch_knows_what_it_holds() -> None:
    batch = make_batch(3)
    assert len(batch) == 3
    assert batch.modalities == ("rgb", "depth", "infrared")
    assert batch.device == torch.device("cpu")
    assert all(bool(mask.all()) for mask in batch.present.values())


def test_fields_and_mappings_cannot_be_changed() -> None:
    batch = make_batch()
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.key = ("x",)  # type: ignore[misc]
    for mapping in (batch.images, batch.present, batch.tasks):
        with pytest.raises(TypeError):
            mapping["rgb"] = torch.zeros(1)  # type: ignore[index]


def test_changing_the_mapping_it_was_made_from_changes_nothing() -> None:
    images, present = {"rgb": torch.rand(2, 3, 8, 8)}, {"rgb": torch.tensor([True, False])}
    batch = batch_with(images=images, present=present)
    images.clear()
    present.clear()
    assert batch.modalities == ("rgb",)
    assert batch.present["rgb"].tolist() == [True, False]


@pytest.mark.parametrize("value", [-0.001, 1.001, float("nan"), float("inf"), float("-inf"), 255.0])
def test_one_pixel_outside_the_range_is_refused(value: float) -> None:
    image = torch.rand(2, 3, 8, 8)
    image[1, 2, 7, 7] = value
    with pytest.raises(ContractError, match=r"rgb: images must lie in \[0, 1\]"):
        batch_with(images={"rgb": image})


def test_eight_bit_integers_are_refused_with_the_way_out() -> None:
    with pytest.raises(ContractError, match="floating point") as error:
        check_unit_range(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), what="rgb")
    assert error.value.hint == "x.float() / 255"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {}}, "at least one modality"),
        ({"images": {"rgb": torch.rand(2, 1, 8, 8)}}, r"rgb: expected \(2, 3, h, w\)"),
        ({"images": {"rgb": torch.rand(2, 8, 8, 3)}}, r"rgb: expected \(2, 3, h, w\)"),
        ({"images": {"depth": torch.rand(2, 3, 8, 8)}}, r"depth: expected \(2, 1, h, w\)"),
        ({"images": {"rgb": torch.rand(3, 8, 8)}}, r"rgb: expected \(2, 3, h, w\)"),
        ({"images": {"rgb": torch.rand(3, 3, 8, 8)}}, r"rgb: expected \(2, 3, h, w\)"),
        ({"images": {"rgb": torch.rand(2, 3, 8, 8), "depth": torch.rand(2, 1, 4, 4)}}, "not on one pixel grid"),
        ({"key": ("a", "a")}, "unique"),
        ({"present": {"depth": torch.ones(2, dtype=torch.bool)}}, "`present` names"),
        ({"present": {"rgb": torch.ones(2)}}, "must be bool"),
        ({"present": {"rgb": torch.ones(3, dtype=torch.bool)}}, "must be bool of shape"),
        ({"label": torch.tensor([0, 2])}, "0 \\(attack\\) and 1"),
        ({"label": torch.tensor([1])}, "label must be"),
        ({"box": torch.zeros(2, 3)}, "box must be"),
        ({"species": ("bona_fide",)}, "species has 1 values for 2"),
        ({"subject": ("s",)}, "subject has 1 values for 2"),
        ({"domain": ("d", "d", "d")}, "domain has 3 values for 2"),
        ({"tasks": {"depth": torch.zeros(3, 1)}}, "tasks\\[depth\\]"),
    ],
)
def test_a_batch_that_disagrees_with_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        batch_with(**changes)


def test_select_takes_every_field_in_the_order_asked_for() -> None:
    batch = make_batch(4)
    picked = batch.select([3, 1])
    assert picked.key == ("sample 3", "sample 1")
    assert picked.subject == ("subject 1", "subject 0")
    assert picked.species == (batch.species[3], batch.species[1])  # type: ignore[index]
    assert picked.domain == ("lab", "lab")
    for name in batch.images:
        assert torch.equal(picked.images[name], batch.images[name][[3, 1]])
        assert torch.equal(picked.present[name], batch.present[name][[3, 1]])
    assert torch.equal(picked.label, batch.label[[3, 1]])  # type: ignore[index,arg-type]
    assert torch.equal(picked.box, batch.box[[3, 1]])  # type: ignore[index,arg-type]
    assert torch.equal(picked.tasks["depth"], batch.tasks["depth"][[3, 1]])


def test_select_refuses_the_same_sample_twice() -> None:
    with pytest.raises(ContractError, match="unique"):
        make_batch(2).select([0, 0])


def test_select_takes_a_mask_as_a_mask() -> None:
    batch = make_batch(4)
    assert batch.select(torch.tensor([True, False, False, True])).key == ("sample 0", "sample 3")
    with pytest.raises(ContractError, match="mask"):
        batch.select(torch.tensor([True, False]))


@given(st.permutations(range(5)))
def test_selecting_a_permutation_and_its_inverse_gives_the_batch_back(order: list[int]) -> None:
    batch = make_batch(5, size=6)
    inverse = torch.argsort(torch.tensor(order))
    back = batch.select(order).select(inverse)
    assert back.key == batch.key
    assert torch.equal(back.images["rgb"], batch.images["rgb"])


def test_to_hands_every_tensor_to_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = make_batch(2)
    moved_to: list[object] = []
    original = torch.Tensor.to

    def spy(tensor: torch.Tensor, target: object) -> torch.Tensor:
        moved_to.append(target)
        return original(tensor, "cpu")

    monkeypatch.setattr(torch.Tensor, "to", spy)
    moved = batch.to("cuda")
    monkeypatch.undo()
    # three images, three masks, box, label and one task; the word goes to torch unchanged, so an absent device raises
    assert moved_to == ["cuda"] * 9
    assert moved.key == batch.key


def test_with_images_replaces_pixels_and_nothing_else() -> None:
    batch = make_batch(2)
    changed = batch.with_images({"rgb": torch.zeros_like(batch.images["rgb"])})
    assert float(changed.images["rgb"].sum()) == 0.0
    assert changed.images["depth"] is batch.images["depth"]
    assert changed.key == batch.key
    assert float(batch.images["rgb"].sum()) > 0.0
    with pytest.raises(ContractError, match=r"\[0, 1\]"):
        batch.with_images({"rgb": batch.images["rgb"] + 1.0})


def test_gradients_pass_through_a_batch() -> None:
    batch = make_batch(2)
    pixels = batch.images["rgb"].clone().requires_grad_(True)
    batch.with_images({"rgb": pixels}).images["rgb"].sum().backward()
    assert pixels.grad is not None


def test_an_empty_selection_is_a_batch_of_no_samples() -> None:
    assert len(make_batch(2).select([])) == 0


def test_a_batch_travels_to_another_process_whole() -> None:
    batch = toy_faces(4)
    again = pickle.loads(pickle.dumps(batch))
    for one in dataclasses.fields(FaceBatch):
        mine, theirs = getattr(batch, one.name), getattr(again, one.name)
        if isinstance(mine, Mapping):
            assert list(mine) == list(theirs)
            assert all(torch.equal(mine[name], theirs[name]) for name in mine)
        elif isinstance(mine, torch.Tensor):
            assert torch.equal(mine, theirs)
        else:
            assert mine == theirs
    with pytest.raises(TypeError):
        again.images["rgb"] = batch.images["rgb"]  # type: ignore[index]
