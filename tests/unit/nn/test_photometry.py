"""Offsets of the copies of a gray sensor: the formula, and holes that stay."""

from __future__ import annotations

import torch

from facewarden.nn.photometry import recolor_copies


def test_each_copy_has_its_offset_and_all_share_the_exponent() -> None:
    images = torch.tensor([0.0, 0.25, 0.9]).expand(1, 3, 1, 3)
    change = torch.tensor([[0.2, -0.3, 0.0, 2.0]])
    found = recolor_copies(images, change, holes=False)
    expected = torch.tensor([[0.2, 0.45, 1.0], [0.0, 0.0, 0.6], [0.0, 0.25, 0.9]]) ** 2
    torch.testing.assert_close(found[0, :, 0], expected)
    deep = recolor_copies(images, change, holes=True)
    expected[:, 0] = 0.0
    expected[1, 1] = 1 / 255  # 0.25 - 0.3 is below zero, and was no hole
    torch.testing.assert_close(deep[0, :, 0], expected)
