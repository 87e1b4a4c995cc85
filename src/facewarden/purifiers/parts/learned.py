"""What learned purifiers share: a trained network from an artifact folder, for images of any size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from facewarden.core.artifact import load_artifact
from facewarden.core.card import Card
from facewarden.core.compute.device import device_of
from facewarden.core.compute.precision import autocast, check_precision
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.roles import Purifier
from facewarden.nn.cloak_kinds import KindLines, kind_likelihoods, noise_likelihood
from facewarden.nn.cloak_statistics import at_size, cloak_statistics
from facewarden.nn.residue import residue_description
from facewarden.nn.restorer import build_restorer
from facewarden.nn.unet import UNet
from facewarden.purifiers.parts.fast_network import CROP, FastNetwork

_SHIPPED = Path(__file__).parent.parent.parent / "weights"


class LearnedPurifier(FastNetwork, Purifier):
    """A restoration network, frozen.

    Args:
        weights: an artifact folder as `facewarden train` writes it; by default the weights that come with the package.
        precision: "bfloat16" is several times faster on processors with its instructions, and differs by about a
            quarter of a gray level; elsewhere float32 is computed. "auto" takes it where it is native.

    Raises:
        MissingAssetError: the package came without its weights.
        BadInputError: the folder is no artifact, or one of another purifier or network.
    """

    name: ClassVar[str]
    network: nn.Module
    differentiable = True

    def __init__(self, weights: Path | str | None = None, *, precision: str = "float32") -> None:
        folder = _SHIPPED / self.name if weights is None else Path(weights)
        if weights is None and not folder.is_dir():
            raise MissingAssetError(
                f"{self.name} came without its weights",
                hint=f"facewarden train {self.name} --pairs DIR --out DIR",
            )
        checked = check_precision(precision)
        artifact = load_artifact(folder)
        if artifact.card.name != self.name:
            raise BadInputError(
                f"{folder} holds {artifact.card.name}, not {self.name}",
                hint=f"--purifier {artifact.card.name}:{folder}",
            )
        self.network = build_restorer(artifact.card.settings.get("network", {}))
        try:
            self.network.load_state_dict({name: value.float() for name, value in artifact.weights.items()})
        except RuntimeError as error:
            raise BadInputError(
                f"{folder}: weights of another network: {error}", hint="copy the folder again"
            ) from error
        self.network = self.network.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.precision = checked
        # the default goes unsaid, so that what was made before it could be chosen is known again
        options = {} if checked == "float32" else {"precision": checked}
        self.card: Card = replace(artifact.card, settings={**artifact.card.settings, **options})
        lines = self.card.settings.get("kinds")
        self._lines = None if lines is None else KindLines.from_settings(lines)

    @classmethod
    def from_artifact(cls, folder: Path) -> LearnedPurifier:
        """Read a trained one from its folder."""
        return cls(folder)

    @property
    def own_precision(self) -> str:
        """What its settings say."""
        return self.precision

    def purify(self, images: Tensor) -> Tensor:
        """Return the restored images, cut at black and white."""
        if len(images) == 0:
            return images
        single = images.float().contiguous(memory_format=torch.channels_last)
        with autocast(self.asked_precision or self.precision, images.device):
            restored = self._forward(single).float()
        purified: Tensor = restored.clamp(0.0, 1.0).contiguous().to(images.dtype)
        return purified

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of cloaks that `kind_likelihoods` tells apart; none where the weights came without their lines."""
        return () if self._lines is None else self._lines.names

    def likelihood(self, images: Tensor) -> Tensor:
        """Likelihood `(b,)` in [0, 1] that each aligned face `(b, 3, h, w)` is cloaked.

        A logistic function of what the network takes out, or that of the likeliest kind where the card has their lines.
        Fitted with cloaked faces weighing as much as natural and edited ones (noise) or a quarter as much (the other
        kinds), so where few photos are cloaked it is too high.

        Raises:
            BadInputError: the weights came without the fitted function.
        """
        with torch.no_grad():
            return self.likelihood_from(images, self(images))

    def likelihood_from(self, images: Tensor, restored: Tensor) -> Tensor:
        """The likelihood of faces whose restored images are there already.

        Args:
            images: `(b, 3, h, w)` aligned faces.
            restored: what this purifier made of them.

        Raises:
            BadInputError: the weights came without the fitted function.
        """
        if self.kinds:
            return self.kind_likelihoods(images, restored).amax(dim=1)
        fitted = self.card.settings.get("suspicion")
        if fitted is None:
            raise BadInputError(f"{self.name}: these weights tell no cloaks", hint="facewarden train fits it")
        with torch.no_grad():
            return noise_likelihood(fitted, residue_description(images, restored))

    def kind_likelihoods(self, images: Tensor, restored: Tensor) -> Tensor:
        """Likelihood `(b, kinds)` of each kind of cloak.

        That of noise is the function of what the network takes out, where the card has it, and was fitted by itself: a
        row need not add up to 1.

        Args:
            images: `(b, 3, h, w)` aligned faces.
            restored: what this purifier made of them.

        Raises:
            BadInputError: the weights came without lines of kinds.
        """
        if self._lines is None:
            raise BadInputError(f"{self.name}: these weights tell no kinds of cloaks", hint="puface tells them")
        with torch.no_grad():
            values = self.statistics(images, restored)
            return kind_likelihoods(self._lines, values, noise=self.card.settings.get("suspicion"))

    def statistics(self, images: Tensor, restored: Tensor) -> Tensor:
        """What the lines of kinds weigh: of what is taken out, of the face itself, and of the network's encoder.

        Args:
            images: `(b, 3, h, w)` aligned faces.
            restored: what this purifier made of them.

        Raises:
            BadInputError: a network without an encoder of several sizes.
        """
        if not isinstance(self.network, UNet):
            raise BadInputError(f"{self.name}: kinds are told by the encoder of a U-Net", hint='{"body": "unet"}')
        with torch.no_grad():
            faces = at_size(images.float(), CROP)
            there = faces.to(device_of(self.network) or faces.device)
            encoded = self.network.encoded(there.contiguous(memory_format=torch.channels_last)).to(faces.device)
            found = [residue_description(images, restored), cloak_statistics(faces), encoded]
        return torch.cat([part.to(encoded.dtype) for part in found], dim=1)
