"""Feature networks for the loss of a purifier: what a face looks like to a network that measures nothing later."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core import registry
from facewarden.core.embedding_goal import check_surrogates
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer

_FLOOR = 1e-6


class FeatureDistance(ABC):
    """How different two batches of faces look to one frozen network.

    Attributes:
        model: the network; None where the distance has none.
    """

    name: str
    model: nn.Module | None = None

    @abstractmethod
    def __call__(self, found: Float[Tensor, "b 3 h w"], wanted: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
        """A mean distance, 0 for equal images; differentiable in the first argument."""

    def to(self, device: torch.device) -> None:
        """Place the network where the images are."""
        if self.model is not None:
            self.model.to(device)


class EmbeddingDistance(FeatureDistance):
    """Mean distance of a recognizer's unit embeddings, and of its features on the way where it shows them.

    Args:
        name: an entry of the recognizers.
    """

    def __init__(self, name: str) -> None:
        model = registry.load("recognizers", name)()
        if not isinstance(model, Recognizer) or not model.differentiable:
            raise BadInputError(f"{name} gives no gradients", hint='"features": ["faceres"]')
        check_surrogates([model])
        self.name, self.model, self._recognizer = name, model.requires_grad_(False).eval(), model
        convolutions = [part for part in model.modules() if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1)]
        self._watched = convolutions[1:-1:2]  # every second pointwise layer: what the network sees at each size

    def __call__(self, found: Float[Tensor, "b 3 h w"], wanted: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
        with torch.no_grad():
            target, middle = self._read(wanted)
        reached, between = self._read(found)
        terms = [(reached - target).square().sum(dim=1).add(_FLOOR).sqrt().mean()]
        for ours, theirs in zip(between, middle, strict=True):
            scale = theirs.float().square().mean(dim=(1, 2, 3)).sqrt() + _FLOOR
            apart = (ours.float() - theirs.float()).abs().mean(dim=(1, 2, 3))
            terms.append((apart / scale).mean())
        return torch.stack(terms).mean()

    def _read(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        held: list[Tensor] = []
        hooks = [part.register_forward_hook(lambda _m, _i, output: held.append(output)) for part in self._watched]
        try:
            embedding = self._recognizer.embed(images.clamp(0.0, 1.0))
        finally:
            for hook in hooks:
                hook.remove()
        return embedding.float(), held


def build_features(names: Sequence[str]) -> list[FeatureDistance]:
    """Build the feature networks of a recipe by the names of recognizers."""
    return [EmbeddingDistance(name) for name in names]
