"""Displacements: sampling a face at moved places, undoing such a move, and a network that guesses it from the face."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facewarden.core.compute.precision import at_least_single
from facewarden.core.errors import BadInputError

SIDE = 112
"""Pixels along a side of the aligned crop that the network reads."""
_AROUND = 5  # pixels of the local mean that a pixel is compared with
_CONTRAST = 6.0
_ROUNDS = 6  # of the fixed point in `inverse`
_LONGEST = 2.5  # pixels: the network gives moves in this unit


def sample_at(
    images: Float[Tensor, "b c h w"], moves: Float[Tensor, "b 2 h w"], *, mode: str = "bilinear"
) -> Float[Tensor, "b c h w"]:
    """Each pixel takes the value at the place that lies its move away; beyond the border lies what is at the border.

    Args:
        images: any values.
        moves: pixels across and down.
        mode: "bilinear" or "bicubic".
    """
    values = at_least_single(images)  # in half precision places round past the border, where nothing may be read
    moves = moves.to(values)
    height, width = values.shape[2:]
    rows = torch.linspace(-1.0, 1.0, height).to(values).view(1, height, 1)
    columns = torch.linspace(-1.0, 1.0, width).to(values).view(1, 1, width)
    across = columns + moves[:, 0] * (2 / max(1, width - 1))
    down = rows + moves[:, 1] * (2 / max(1, height - 1))
    places = torch.stack([across, down], dim=3)
    found = functional.grid_sample(values, places, mode=mode, padding_mode="border", align_corners=True)
    return found.to(images.dtype)


def sample_finely(
    images: Float[Tensor, "b c h w"], moves: Float[Tensor, "b 2 h w"], *, times: int
) -> Float[Tensor, "b c h w"]:
    """As `sample_at`, of the images enlarged so many times and reduced again.

    `sample_at` makes the image soft where it reads between two pixels, which tells that it was used; this far less so.

    Args:
        images: in [0, 1].
        moves: pixels across and down.
        times: 1 or more.
    """
    values = at_least_single(images)
    large = functional.interpolate(values, scale_factor=times, mode="bicubic", align_corners=False).clamp(0.0, 1.0)
    far = times * functional.interpolate(moves.to(values), scale_factor=times, mode="bilinear", align_corners=False)
    return functional.avg_pool2d(sample_at(large, far), times).to(images.dtype)


def inverse(moves: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The moves n that undo the moves m: n(p) = -m(p + n(p)), found as a fixed point.

    Where the moves change by about a pixel from one pixel to the next or faster, nothing undoes them everywhere, and
    what is found is off by pixels.

    Args:
        moves: pixels across and down.
    """
    back = -moves
    for _ in range(_ROUNDS):
        back = -sample_at(moves, back)
    return back


class DisplacementNet(nn.Module):
    """Guesses by how much each part of an aligned face was moved, on a grid of 14 x 14 points.

    Four sizes on the way down, two on the way up. It also sees the difference of each pixel from its local mean, and
    where a pixel lies: aligned faces have their parts at known places. The last layer starts at zero: an untrained
    network finds no move.

    Args:
        widths: channels at half, quarter, eighth and sixteenth size.

    Raises:
        BadInputError: other than four widths.

    Source: written here; a U-Net (Ronneberger, Fischer, Brox, MICCAI 2015) with residual blocks that stops at an eighth
    of the size, since the moves are smooth.
    """

    def __init__(self, *, widths: Sequence[int] = (32, 64, 112, 160)) -> None:
        super().__init__()
        if len(widths) != 4 or min(widths) < 1:
            raise BadInputError(f"the network needs four widths, got {tuple(widths)}", hint="widths=(32, 64, 112, 160)")
        half, quarter, eighth, least = widths
        self.down = nn.ModuleList([
            _Block(27, half),
            _Block(half, quarter),
            nn.Sequential(_Block(quarter, eighth), _Block(eighth, eighth)),
            nn.Sequential(_Block(eighth, least), _Block(least, least), _Block(least, least)),
        ])  # fmt: skip
        self.shrink = nn.Conv2d(least, eighth, 1)
        self.up = nn.Sequential(_Block(2 * eighth, eighth), _Block(eighth, eighth))
        self.last = nn.Conv2d(eighth, 2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, images: Float[Tensor, "b 3 112 112"]) -> Float[Tensor, "b 2 14 14"]:
        """Moves across and down, in pixels of the crop.

        Args:
            images: aligned faces in [0, 1].
        """
        x, eighth = self._seen(images), images
        for number, block in enumerate(self.down):
            eighth, x = x, block(x if number == 0 else functional.avg_pool2d(x, 2))
        wide = functional.interpolate(self.shrink(x), scale_factor=2, mode="nearest")
        moves: Tensor = _LONGEST * self.last(self.up(torch.cat([wide, eighth], dim=1)))
        return moves

    def _seen(self, images: Tensor) -> Tensor:
        margin = _AROUND // 2
        around = functional.avg_pool2d(functional.pad(images, (margin,) * 4, mode="reflect"), _AROUND, stride=1)
        places = torch.linspace(-1.0, 1.0, SIDE // 2).to(images)
        across, down = places.expand(SIDE // 2, -1), places[:, None].expand(-1, SIDE // 2)
        where = torch.stack([across, down, (across.square() + down.square() - 1) / 2])
        values = functional.pixel_unshuffle(images, 2)
        faint = functional.pixel_unshuffle(_CONTRAST * (images - around), 2)
        return torch.cat([2 * values - 1, faint, where * torch.ones_like(values[:, :3])], dim=1)


def over_the_crop(moves: Float[Tensor, "b 2 g g"], height: int = SIDE, width: int = SIDE) -> Float[Tensor, "b 2 h w"]:
    """Moves of the grid for every pixel of a picture, in its own pixels."""
    size = moves.new_tensor([width, height]).view(1, 2, 1, 1) / SIDE
    return size * functional.interpolate(moves, (height, width), mode="bicubic", align_corners=True)


def over_the_face(side: int = SIDE) -> Float[Tensor, "side side"]:
    """1 where an aligned crop shows the face, an ellipse, and 0 around it."""
    places = torch.linspace(-1.0, 1.0, side)
    return ((places / 0.75).square() + ((places[:, None] - 0.05) / 0.9).square() < 1).float()


def size_of(moves: Float[Tensor, "b 2 h w"]) -> Float[Tensor, " b"]:
    """Root mean square length of the moves over the face, in the unit of the moves; pictures are square."""
    face = over_the_face(moves.shape[-1]).to(moves)
    return ((moves.square().sum(dim=1) * face).sum(dim=(1, 2)) / face.sum()).sqrt()


class _Block(nn.Module):
    """Two convolutions, with a shortcut where the channels stay as many."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
        self.second = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)])
        self.short = inside == outside

    def forward(self, x: Tensor) -> Tensor:
        y = self.norms[1](self.second(functional.relu(self.norms[0](self.first(x)))))
        return functional.relu(x + y if self.short else y)
