from __future__ import annotations

import pytest
import torch
from torch import Tensor

from facewarden.attacks.parts.steps import random_start
from facewarden.core.attack import CountedObjective
from facewarden.core.objective import Images, Objective
from facewarden.core.threat import ThreatModel
from stand_ins import make_batch


class Gray(Objective):
    """Gray images, far from black and white, so that nothing is clamped."""

    goal = "none"

    def __init__(self, count: int) -> None:
        self.clean = {"depth": torch.full((count, 1, 4, 4), 0.5)}
        self.keys = tuple(map(str, range(count)))

    def loss(self, images: Images) -> Tensor:
        return images["depth"].mean(dim=(1, 2, 3))

    def success(self, images: Images) -> Tensor:
        return self.loss(images) > 1


def starts(*, surface: float) -> Tensor:
    threat = ThreatModel(norm="l2", eps=0.2, modalities=("depth",))
    return (random_start(CountedObjective(Gray(600), threat, 0), stream=0, surface=surface)["depth"] - 0.5).flatten(1)


def test_l2_starts_have_a_uniform_length_that_the_direction_does_not_tell() -> None:
    change = starts(surface=0.0)
    length = change.norm(dim=1) / 0.2
    direction = change / change.norm(dim=1, keepdim=True)
    assert float(length.mean()) == pytest.approx(0.5, abs=0.04)
    assert float(length.std()) == pytest.approx(12**-0.5, abs=0.03)
    # 600 draws: an honest correlation stays below 4 / sqrt(600) = 0.16
    table = torch.corrcoef(torch.cat([length[:, None], direction, direction.abs()], dim=1).T)[0, 1:]
    assert float(table.abs().max()) < 0.16


def test_l2_directions_favor_no_pixel() -> None:
    change = starts(surface=1.0)
    torch.testing.assert_close(change.norm(dim=1), torch.full((600,), 0.2))
    assert float(change.mean(dim=0).abs().max()) < 4 * 0.2 / (16 * 600) ** 0.5
    share = change.square().mean(dim=0) / 0.04
    torch.testing.assert_close(share, torch.full((16,), 1 / 16), atol=0.02, rtol=0)


def test_a_start_touches_only_what_the_threat_names() -> None:
    batch = make_batch(2)

    class Frames(Gray):
        def __init__(self) -> None:
            self.clean, self.keys = dict(batch.images), batch.key

    moved = random_start(CountedObjective(Frames(), ThreatModel(modalities=("rgb",)), 0), stream=0)
    assert torch.equal(moved["depth"], batch.images["depth"])
    assert not torch.equal(moved["rgb"], batch.images["rgb"])
