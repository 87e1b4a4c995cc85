"""Map supervision: contrasts and targets worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.pad.mm_cdcn import MmCdcn
from facewarden.training.objectives.cdcn import Cdcn, contrast
from stand_ins import TinyDetector, make_batch


def faces() -> FaceBatch:
    return replace(make_batch(4, size=16), box=None, tasks={})


def test_contrasts_are_neighbors_less_the_center() -> None:
    maps = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
    found = contrast(maps)
    assert found[0, :, 1, 1].tolist() == [1 - 5, 2 - 5, 3 - 5, 4 - 5, 6 - 5, 7 - 5, 8 - 5, 9 - 5]
    assert found[0, :, 0, 0].tolist() == [-1, -1, -1, -1, 2 - 1, -1, 4 - 1, 5 - 1]


def test_only_pixels_with_all_neighbors_count_inside() -> None:
    """A map of ones has no contrast; zeros around it give its edge one, which no target can remove."""
    maps = torch.arange(20.0).reshape(1, 1, 4, 5).square()
    found = contrast(maps, border="inside")
    assert found.shape == (1, 8, 2, 3)
    assert found[0, :, 1, 2].tolist() == [float(maps[0, 0, 2 + y, 3 + x] - maps[0, 0, 2, 3])
                                          for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]  # fmt: skip
    ones = torch.ones(1, 1, 4, 4)
    assert float(contrast(ones, border="inside").abs().sum()) == 0.0
    assert float(contrast(ones).abs().sum()) > 0.0
    model, batch = MmCdcn.untrained({"size": 32, "width": 4}, seed=0).eval(), replace(make_batch(4, size=32), box=None)
    painted = model(batch).tasks["map"]
    target = Cdcn().paint(batch, size=(4, 4))
    total = F.mse_loss(painted, target) + F.mse_loss(found_of(painted), found_of(target))
    torch.testing.assert_close(Cdcn(border="inside")(model, batch).total, total)
    with pytest.raises(ContractError, match="no inside"):
        Cdcn(border="inside")(MmCdcn.untrained({"size": 16, "width": 4}, seed=0), faces())


def found_of(maps: torch.Tensor) -> torch.Tensor:
    """Contrasts of the inner 2 x 2 pixels of 4 x 4 maps, neighbor by neighbor."""
    moved = [maps[:, :, 1 + y : 3 + y, 1 + x : 3 + x] for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
    return torch.cat([one - maps[:, :, 1:3, 1:3] for one in moved], dim=1)


def test_the_loss_is_both_squared_errors() -> None:
    model, batch = MmCdcn.untrained({"size": 16, "width": 4}, seed=0).eval(), faces()
    loss = Cdcn(contrast=0.5)(model, batch)
    painted = model(batch).tasks["map"]
    target = Cdcn().paint(batch, size=(2, 2))
    total = F.mse_loss(painted, target) + 0.5 * F.mse_loss(contrast(painted), contrast(target))
    torch.testing.assert_close(loss.total, total)


def test_the_mask_is_where_any_present_image_is_not_black_and_attacks_have_none() -> None:
    images = {"rgb": torch.zeros(2, 3, 4, 4), "depth": torch.zeros(2, 1, 4, 4)}
    images["rgb"][:, 1, :2] = 0.5
    images["depth"][:, :, :, :2] = 0.25
    batch = FaceBatch(images=images, key=("a", "b"), label=torch.tensor([1, 0]))
    found = Cdcn().paint(batch, size=(2, 2))
    assert found[0, 0].tolist() == [[1, 1], [1, 0]]
    assert float(found[1].sum()) == 0.0
    lost = replace(batch, present={"depth": torch.tensor([False, True])})
    assert Cdcn().paint(lost, size=(2, 2))[0, 0].tolist() == [[1, 1], [0, 0]]
    assert Cdcn(target="depth").paint(batch, size=(2, 2))[0, 0].tolist() == [[0.25, 0], [0.25, 0]]
    assert Cdcn(target="depth").paint(lost, size=(2, 2))[0, 0].tolist() == [[1, 1], [0, 0]]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ContractError, match="head 'map'"):
        Cdcn()(TinyDetector(), faces())
    with pytest.raises(ContractError, match="crops"):
        Cdcn()(MmCdcn.untrained({"size": 16, "width": 4}, seed=0), make_batch(4, size=16))
    with pytest.raises(BadInputError, match="contrast -1"):
        Cdcn(contrast=-1.0)
