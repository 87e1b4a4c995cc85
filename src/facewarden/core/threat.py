"""`ThreatModel`: what an attacker may change, by how much, and what of the model is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality


@dataclass(frozen=True)
class ThreatModel:
    """A norm ball around the clean images of some modalities, inside [0, 1].

    Attributes:
        norm: "linf" (largest change of a value) or "l2" (Euclidean length over the whole image).
        eps: radius, in units of the [0, 1] pixel range (8/255 for eight gray levels).
        modalities: which sensors' pixels the attacker reaches.
        knowledge: "white_box" (gradients), "score" (queries) or "transfer" (another model's gradients).
    """

    norm: Literal["linf", "l2"] = "linf"
    eps: float = 8 / 255
    modalities: tuple[Modality, ...] = ("rgb",)
    knowledge: Literal["white_box", "score", "transfer"] = "white_box"

    def __post_init__(self) -> None:
        if self.norm not in ("linf", "l2"):
            raise BadInputError(f"unknown norm {self.norm!r}", hint="use linf or l2")
        if not 0.0 <= self.eps < float("inf"):
            raise BadInputError(f"eps must be a finite number >= 0, got {self.eps}", hint="8/255 = 0.0314")
        if self.norm == "linf" and self.eps > 1.0:
            raise BadInputError(
                f"eps {self.eps} is outside the pixel range [0, 1]", hint=f"did you mean {self.eps:g}/255?"
            )
        if not self.modalities or set(self.modalities) - set(MODALITIES):
            raise BadInputError(f"modalities {self.modalities} are not among {MODALITIES}", hint="('rgb',)")

    def project(self, images: Float[Tensor, "b c h w"], clean: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return the nearest images inside the ball (L2: up to rounding), then inside [0, 1]."""
        delta = images - clean
        if self.norm == "linf":
            delta = torch.clamp(delta, min=-self.eps, max=self.eps)
        else:
            length = delta.flatten(1).norm(p=2, dim=1)
            # A length that is eps up to rounding stays, so that projecting twice is projecting once, bit by bit: pixels
            # near 1 are rounded by up to 2**-25 each, the norm itself by about a millionth.
            slack = min(1e-3 * self.eps, 1e-6 * self.eps + delta[:1].numel() ** 0.5 * 2**-25)
            factor = torch.where(length > self.eps + slack, self.eps / length, torch.ones_like(length))
            delta = delta * factor.view(-1, 1, 1, 1)
        return torch.clamp(clean + delta, min=0.0, max=1.0)

    def scaled(self, noise: Float[Tensor, "b c h w"], *, radius: float = 1.0) -> Float[Tensor, "b c h w"]:
        """Return noise from [-1, 1] as offsets of this norm's size, to look around an image.

        Args:
            noise: one draw per sample; zeros stay zero.
            radius: of the neighborhood in units of eps. Linf: every value is scaled, so that none exceeds it. L2: each
                sample gets that length, for nearly all of a ball of so many dimensions lies at its surface.
        """
        if self.norm == "linf":
            return radius * self.eps * noise
        length = noise.flatten(1).norm(p=2, dim=1).clamp(min=1e-12)
        factor: Tensor = radius * self.eps / length
        return noise * factor.view(-1, 1, 1, 1)

    def distance(self, images: Float[Tensor, "b c h w"], clean: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        """Length of the change of each sample in this norm."""
        delta = (images - clean).flatten(1)
        return delta.abs().amax(dim=1) if self.norm == "linf" else delta.norm(p=2, dim=1)
