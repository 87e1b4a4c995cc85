"""Crops by hand, against slices resized by OpenCV, against torch's antialiased resize, and their gradients."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from facewarden.core.errors import ContractError
from facewarden.nn.crop import crop_resize
from stand_ins import generator


def image(height: int, width: int, *, channels: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed))


def published_corners(width: int, height: int, box: tuple[float, float, float, float], scale: float) -> list[int]:
    """The published rule with plain numbers: reduce the factor, move inside, cut to whole pixels, both ends belong."""
    w, h = box[2] - box[0], box[3] - box[1]
    factor = min((height - 1) / h, (width - 1) / w, scale)
    left, top = box[0] + w / 2 - w * factor / 2, box[1] + h / 2 - h * factor / 2
    right, bottom = left + w * factor, top + h * factor
    if left < 0:
        right, left = right - left, 0.0
    if top < 0:
        bottom, top = bottom - top, 0.0
    if right > width - 1:
        left, right = left - (right - (width - 1)), width - 1.0
    if bottom > height - 1:
        top, bottom = top - (bottom - (height - 1)), height - 1.0
    return [int(max(left, 0)), int(max(top, 0)), int(right) + 1, int(bottom) + 1]


@pytest.mark.parametrize("scale", [1.0, 1.6, 2.7, 4.0])
@pytest.mark.parametrize(
    "box",
    [
        (60, 50, 100, 110),
        (2, 3, 50, 60),
        (110, 90, 158, 118),
        (0, 0, 160, 120),
        (40.3, 22.8, 81.9, 70.1),
        (9, 9, 19, 90),
    ],
)
@pytest.mark.parametrize("size", [16, 80])
def test_inside_is_the_published_slice_resized_by_opencv(
    box: tuple[float, float, float, float], scale: float, size: int
) -> None:
    frame = image(120, 160)
    x0, y0, x1, y1 = published_corners(160, 120, box, scale)
    cut = np.ascontiguousarray(frame[0].permute(1, 2, 0).numpy()[y0:y1, x0:x1])
    expected = cv2.resize(cut, (size, size), interpolation=cv2.INTER_LINEAR)
    found = crop_resize(
        frame, torch.tensor([box], dtype=torch.float64).float(), scale=scale, size=size, border="inside"
    )
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), expected, atol=2e-5)


def test_zero_takes_a_square_and_reads_black_outside() -> None:
    frame = torch.ones(1, 1, 8, 8)
    found = crop_resize(frame, torch.tensor([[0.0, 2.0, 4.0, 6.0]]), scale=2.0, size=8)  # square x -2..6, y 0..8
    expected = torch.ones(8, 8)
    expected[:, :2] = 0
    torch.testing.assert_close(found[0, 0], expected)


def test_zero_squares_a_flat_box_on_its_longer_side() -> None:
    ramp = torch.arange(8.0).repeat(8, 1)[None, None]
    found = crop_resize(ramp, torch.tensor([[2.0, 3.0, 6.0, 5.0]]), scale=1.0, size=4)
    torch.testing.assert_close(found[0, 0], torch.arange(2.0, 6.0).repeat(4, 1))


def test_whole_frame_at_its_own_size_is_the_frame() -> None:
    frame = image(9, 9)
    box = torch.tensor([[0.0, 0.0, 9.0, 9.0]])
    for antialias in (False, True):
        torch.testing.assert_close(crop_resize(frame, box, scale=1.0, size=9, antialias=antialias), frame)


@pytest.mark.parametrize(("side", "size"), [(48, 16), (50, 16), (31, 20), (20, 33)])
def test_antialias_is_torchs_inside_the_frame(side: int, size: int) -> None:
    frame = image(side, side, seed=side)
    expected = torch.nn.functional.interpolate(frame, size=(size, size), mode="bilinear", antialias=True)
    found = crop_resize(
        frame, torch.tensor([[0.0, 0, side, side]]), scale=1.0, size=size, border="inside", antialias=True
    )
    # the published factor cuts at most one pixel short of the frame and takes the last pixel back: the same crop
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)


def test_antialias_keeps_a_constant_and_darkens_only_towards_the_outside() -> None:
    frame = torch.full((1, 1, 40, 40), 0.7)
    found = crop_resize(frame, torch.tensor([[13.0, 9.0, 27.0, 23.0]]), scale=1.83, size=11, antialias=True)
    torch.testing.assert_close(found, torch.full((1, 1, 11, 11), 0.7))
    over = crop_resize(frame, torch.tensor([[0.0, 10.0, 30.0, 40.0]]), scale=1.5, size=10, antialias=True)
    assert float(over.max()) <= 0.7 + 1e-6
    assert float(over[..., 0].max()) == 0.0


def test_every_sample_has_its_own_box() -> None:
    frames = torch.cat([image(30, 40, seed=1), image(30, 40, seed=2)])
    boxes = torch.tensor([[5.0, 6.0, 20.0, 22.0], [10.0, 2.0, 30.0, 28.0]])
    both = crop_resize(frames, boxes, scale=1.4, size=12)
    for row in range(2):
        one = crop_resize(frames[row : row + 1], boxes[row : row + 1], scale=1.4, size=12)
        torch.testing.assert_close(both[row : row + 1], one)


@pytest.mark.parametrize("border", ["inside", "zero"])
def test_gradient_is_that_of_the_linear_map(border: str) -> None:
    frame = image(12, 14, channels=1).double().requires_grad_(True)
    box = torch.tensor([[3.0, 2.0, 9.0, 10.0]])

    def crop(x: Tensor) -> Tensor:
        return crop_resize(x, box, scale=1.7, size=5, border="inside" if border == "inside" else "zero")

    assert torch.autograd.gradcheck(crop, (frame,))


@pytest.mark.parametrize("box", [[3.0, 3.0, 3.0, 9.0], [5.0, 1.0, 2.0, 9.0], [float("nan"), 0.0, 4.0, 4.0]])
def test_a_box_without_area_is_refused(box: list[float]) -> None:
    with pytest.raises(ContractError, match="box"):
        crop_resize(image(10, 10), torch.tensor([box]), scale=1.0, size=4)


@pytest.mark.parametrize("shape", [(40, 24), (17, 50)])
def test_stretching_a_whole_frame_is_what_opencv_does(shape: tuple[int, int]) -> None:
    frame = torch.rand(1, 3, *shape, generator=generator(0))
    box = torch.tensor([[0.0, 0.0, shape[1], shape[0]]])
    found = crop_resize(frame, box, scale=1.0, size=32, border="stretch")
    wanted = cv2.resize(frame[0].permute(1, 2, 0).numpy(), (32, 32), interpolation=cv2.INTER_LINEAR)
    inside = (slice(1, -1), slice(1, -1))  # OpenCV repeats the edge, here nothing is around the frame
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy()[inside], wanted[inside], atol=2e-5)
    wider = crop_resize(frame, box, scale=2.0, size=32, border="stretch")
    assert float(wider[..., :7, :].abs().max()) == 0.0, "each side grows by its own length"
