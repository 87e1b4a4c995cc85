"""Unwarp: moves back the parts of an aligned face that a smooth field of displacements seems to have moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.artifact import load_artifact
from facewarden.core.card import Card
from facewarden.core.compute.device import device_of
from facewarden.core.compute.precision import autocast, check_precision, forced_autocast
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.roles import Purifier
from facewarden.nn.cloak_kinds import WARP, check_gate
from facewarden.nn.cloak_statistics import at_size
from facewarden.nn.displacement import SIDE, DisplacementNet, inverse, over_the_crop, sample_at, size_of
from facewarden.purifiers.parts.fast_network import FastNetwork

_SHIPPED = Path(__file__).parent.parent / "weights" / "unwarp"
_LEAST = 1e-3  # pixels: smaller guesses are alike


class Unwarp(FastNetwork, Purifier):
    """Undoes warps, as the attack `warp` makes them; a face without one stays as it is, bit by bit.

    A network guesses by how much each part of the face was moved. Where the guess is as large as that of a warped face,
    the face is sampled at the places that undo it. The network learned from drawn fields alone: from no optimized warp,
    and from no recognizer.

    Args:
        gate: likelihood of a warp, in [0, 1], from which a face is moved back.
        precision: "bfloat16" guesses faster on processors with its instructions; "auto" takes it where it is native.
        weights: an artifact folder as `benchmarks/unwarp_fit.py` writes it; by default that of the package.

    Attributes:
        kinds: the kinds of cloaks that it detects: warps.

    Raises:
        BadInputError: a gate that is no likelihood, or a folder without such a network.
        MissingAssetError: the package came without its weights.

    Source: written here.
    """

    differentiable = True
    kinds = (WARP,)

    def __init__(self, *, gate: float = 0.5, precision: str = "float32", weights: Path | str | None = None) -> None:
        check_gate(gate, name="gate")
        if weights is None and not _SHIPPED.is_dir():
            raise MissingAssetError("unwarp came without its weights", hint="python benchmarks/unwarp_fit.py lfw:DIR")
        artifact = load_artifact(_SHIPPED if weights is None else Path(weights))
        own = artifact.card
        if own.name != "unwarp" or not {"network", "suspicion"} <= set(own.settings):
            raise BadInputError(
                f"{artifact.folder} holds {own.name}, not unwarp", hint="python benchmarks/unwarp_fit.py lfw:DIR"
            )
        network = DisplacementNet(**own.settings["network"])
        try:
            network.load_state_dict(
                {
                    name: value.float() if value.is_floating_point() else value
                    for name, value in artifact.weights.items()
                }
            )
        except RuntimeError as error:
            raise BadInputError(
                f"{artifact.folder}: weights of another network: {error}", hint="copy the folder again"
            ) from error
        self.network: DisplacementNet = network.requires_grad_(False).eval()
        self.gate, self.precision = gate, check_precision(precision)
        options = {} if self.precision == "float32" else {"precision": self.precision}
        self.card: Card = replace(own, settings={**own.settings, "gate": gate, **options})

    @property
    def own_precision(self) -> str:
        """What its settings say."""
        return self.precision

    def purify(self, images: Tensor) -> Tensor:
        """Return the faces, those that seem to be warped moved back."""
        return self.purified_by_kind(images)[0]

    def likelihood(self, images: Tensor) -> Float[Tensor, " b"]:
        """Likelihood that each aligned face `(b, 3, h, w)` is warped, by the size of the guessed moves.

        A logistic function, fitted with drawn warps weighing as much as natural and edited faces: where few photos are
        warped it is too high.
        """
        if len(images) == 0:
            return images.new_zeros(0)
        with torch.no_grad():
            return self._likelihood(self.moves(images)).to(images.dtype)

    def purified_by_kind(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Float[Tensor, "b 1"]]:
        """Purified faces, and the likelihood of a warp before.

        Args:
            images: aligned faces in [0, 1].
        """
        if len(images) == 0:
            return images, images.new_zeros(0, 1)
        moves = self.moves(images)
        likelihood = self._likelihood(moves.detach())
        moved = likelihood >= self.gate
        if bool(moved.any()):
            height, width = images.shape[-2:]
            with forced_autocast("float32", images.device):  # places in half precision are off by parts of a pixel
                back = inverse(over_the_crop(moves[moved].float(), height, width))
                faces = sample_at(images[moved].float(), back).clamp(0.0, 1.0).to(images.dtype)
            images = images.index_copy(0, moved.nonzero()[:, 0], faces)
        return images, likelihood[:, None].to(images.dtype)

    def moves(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 14 14"]:
        """Guessed moves across and down, in pixels of a crop of 112 pixels.

        Args:
            images: aligned faces in [0, 1].
        """
        home = device_of(self.network) or images.device
        faces = at_size(images.float(), SIDE).to(home)
        with autocast(self.asked_precision or self.precision, home):
            guessed: Tensor = self._forward(faces).float()
        return guessed.to(images.device)

    def _likelihood(self, moves: Tensor) -> Tensor:
        fitted = self.card.settings["suspicion"]
        sizes = size_of(over_the_crop(moves)).clamp(min=_LEAST).log()
        return torch.sigmoid(fitted["weights"][0] * sizes + fitted["bias"])


entry = Unwarp
