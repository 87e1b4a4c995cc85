"""What a training step was like, as numbers by name: the gradient of each modality's own parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES, Modality


@runtime_checkable
class Owned(Protocol):
    """A network whose parameters belong to modalities."""

    def owned(self) -> Iterator[tuple[str, nn.Parameter, Modality | None]]:
        """Trainable parameters with the modality that owns them, or None for shared ones."""


def owned_norms(model: nn.Module) -> dict[str, float]:
    """Length of the present gradient by owner, `gradient/rgb` … and `gradient/shared`; empty where nobody owns.

    Args:
        model: a detector, bare or wrapped for several processes.
    """
    network = getattr(getattr(model, "module", model), "network", None)
    if not isinstance(network, Owned):
        return {}
    found: dict[str, list[Tensor]] = {}
    for _, parameter, owner in network.owned():
        if parameter.grad is not None:
            found.setdefault(owner or "shared", []).append(parameter.grad)
    return {f"gradient/{owner}": _norm(found[owner]) for owner in (*MODALITIES, "shared") if owner in found}


def _norm(gradients: Iterable[Tensor]) -> float:
    return float(torch.stack([g.detach().float().norm() for g in gradients]).norm())
