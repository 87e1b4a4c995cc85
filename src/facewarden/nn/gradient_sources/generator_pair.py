"""The two generators of SFA: one map each for bona fide and spoof, gated by texture and subtracted from each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.artifact import CARD, load_artifact
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.identity.given import IN_MEMORY
from facewarden.core.identity.inputs import hash_of
from facewarden.nn.gradient_sources.lbp import Pattern, lbp
from facewarden.nn.unet import UNet

ROLE = "sfa"
"""Role of the card of such an artifact."""
TRAINED_AGAINST = "detector_identity"
"""Name in its recipe of the hash of the detector that the generators were trained against."""
_HINT = "facewarden sfa CAPTURES --detector RUN --out DIR trains them"


class GeneratorPair(nn.Module):
    """D(x) = live(x) t - spoof(x) (1 - t), the map of a bona fide image; that of a spoof is its negative.

    t is the local binary pattern of the image. Both generators end in tanh times a cap, so that |D| never exceeds it.
    Freshly made they give zero.

    Args:
        cap: largest change of a pixel, in units of the [0, 1] pixel range; a few times the attack's eps at most.
        gate: whether texture chooses between the generators; without it t is one half everywhere.
        pattern, radius: of the local binary pattern.
        widths: channels of each generator at half, quarter … size.
        generators: two, or one for the ablation, which leaves out the spoof term: D(x) = live(x) t.

    Raises:
        BadInputError: a cap outside (0, 1], or another number of generators.

    Source: Yang et al., Exposing Fine-Grained Adversarial Vulnerability of Face Anti-Spoofing Models (2023), framework
    figure; sizes, cap and pattern are choices made here.
    """

    def __init__(
        self,
        *,
        cap: float = 3 / 255,
        gate: bool = True,
        pattern: Pattern = "plain",
        radius: int = 1,
        widths: tuple[int, ...] = (16, 32, 64),
        generators: int = 2,
    ) -> None:
        super().__init__()
        if generators not in (1, 2):
            raise BadInputError(f"{generators} generators", hint="generators=2, or 1 for the ablation")
        if not 0.0 < cap <= 1.0:
            raise BadInputError(f"a cap of {cap:g} in [0, 1] pixel units", hint="cap=3/255")
        self.cap, self.gate, self.pattern, self.radius = cap, gate, pattern, radius
        self.settings: dict[str, Any] = {"cap": cap, "gate": gate, "pattern": pattern, "widths": list(widths)}
        self.settings |= {"generators": generators, "radius": radius}
        self.live = UNet(widths=widths)
        self.spoof = UNet(widths=widths) if generators == 2 else None

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The signed map D of images in [0, 1]."""
        texture = lbp(images, radius=self.radius, pattern=self.pattern) if self.gate else images.new_full((), 0.5)
        difference = torch.tanh(self.live(images) - images) * texture
        if self.spoof is not None:
            difference = difference - torch.tanh(self.spoof(images) - images) * (1.0 - texture)
        return self.cap * difference

    @classmethod
    def from_artifact(cls, folder: Path) -> GeneratorPair:
        """Read trained ones from their folder, frozen.

        Raises:
            BadInputError: the folder holds no generators of SFA.
        """
        if folder.is_dir() and not (folder / CARD).is_file():
            raise BadInputError(f"{folder}: no {CARD} here", hint=_HINT)
        artifact = load_artifact(folder)
        if artifact.card.role != ROLE:
            raise BadInputError(
                f"{folder}: {artifact.card.role} {artifact.card.name!r}, not generators of SFA",
                hint=_HINT,
            )
        pair = cls(**_settings(artifact.card.settings, folder))
        try:
            pair.load_state_dict(dict(artifact.weights))
        except RuntimeError as error:
            raise BadInputError(f"{folder}: weights of other generators: {error}", hint="copy it again") from error
        return pair.requires_grad_(False).eval()


def other_detector(folder: Path, card: Card) -> tuple[str, ...]:
    """What is said of generators that were trained against another detector than the one whose gradients are read.

    An object of a caller and a model of a file have no hash in common: nothing is said where it is one of each.

    Args:
        folder: of the generators.
        card: of the detector.

    Raises:
        BadInputError: the folder is no artifact.
    """
    recipe = load_artifact(folder).recipe
    known, in_memory = recipe.get(TRAINED_AGAINST), "@sha256:" in str(recipe.get("detector"))
    if known in (None, hash_of(card.identity())) or in_memory != (IN_MEMORY in card.sha256):
        return ()
    return (f"the generators of {folder} were trained against another detector than {card.name}",)


def offset_sign(label: Tensor) -> Float[Tensor, "b 1 1 1"]:
    """+1 for bona fide (label 1), -1 for attack presentations."""
    return (label.float() * 2.0 - 1.0).view(-1, 1, 1, 1)


def _settings(card: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    try:
        return {
            "cap": float(card["cap"]),
            "gate": bool(card["gate"]),
            "pattern": card["pattern"],
            "widths": tuple(int(width) for width in card["widths"]),
            "generators": int(card.get("generators", 2)),
            "radius": int(card.get("radius", 1)),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{folder}: the card lacks a setting: {error}", hint="copy the folder again") from error
