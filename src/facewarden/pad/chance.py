"""Chance: a number drawn from the pixels, the floor under every floor."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.heads import hashed
from facewarden.pad.parts.floor import Floor


class _Hash(Describer):
    needs = (("rgb",),)
    widths = (1,)

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        return [hashed(pixels[0])[:, None]]


class Chance(Floor):
    """Scores that know nothing: a draw from a normal distribution for each capture, the same one every time.

    What beats it by more than its interval was learned, and where it differs from an AUC of one half the measure is
    wrong.
    """

    modalities = ("rgb",)
    optional = ()
    differentiable = False
    name = "chance"
    summary = "Scores drawn from the pixels' hash, which know nothing."
    source = "no publication: the definition of chance"

    def describer(self, trunk: nn.Module | None) -> Describer:
        """A number drawn from the color pixels."""
        return _Hash()


entry = Chance
