"""Likelihood that a face is cloaked, from the perturbation that a trained purifier would remove."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_purifier
from facewarden.core.roles import Purifier

SUSPICIOUS = 0.5
"""Likelihood from which a face counts as cloaked."""


@runtime_checkable
class TellsCloaks(Protocol):
    """A purifier that estimates how likely a face is cloaked."""

    def likelihood(self, images: Tensor) -> Tensor:
        """Likelihood `(b,)` of aligned faces `(b, 3, h, w)`."""


@runtime_checkable
class TellsFromRestored(Protocol):
    """One that tells it from faces that it restored before, so that nothing is computed twice."""

    def likelihood_from(self, images: Tensor, restored: Tensor) -> Tensor:
        """Likelihood `(b,)` of aligned faces `(b, 3, h, w)` and what the purifier made of them."""


class CloakDetector:
    """Likelihood that aligned faces are cloaked.

    Args:
        purifier: one that tells cloaks, by its name or folder.

    Attributes:
        purifier: that purifier itself.

    Raises:
        BadInputError: it tells none.
    """

    def __init__(self, purifier: str | Path | Purifier = "puface") -> None:
        made = purifier if isinstance(purifier, Purifier) else resolve_purifier(str(purifier))
        if not isinstance(made, TellsCloaks):
            raise BadInputError(f"{made.card.name} tells no cloaks", hint="puface, or a folder that trained one")
        self.purifier = made
        self._teller: TellsCloaks = made

    def __call__(self, images: Tensor, *, restored: Tensor | None = None, batch: int = 32) -> NDArray[np.float64]:
        """Likelihood `(b,)` in [0, 1] of aligned faces.

        Args:
            images: `(b, 3, h, w)` in [0, 1].
            restored: what this detector's own purifier made of them, where that is known.
            batch: faces at a time.
        """
        parts = []
        with torch.no_grad():
            for rows in torch.split(torch.arange(len(images)), batch) if len(images) else ():
                if restored is not None and isinstance(self._teller, TellsFromRestored):
                    parts.append(self._teller.likelihood_from(images[rows], restored[rows]))
                else:
                    parts.append(self._teller.likelihood(images[rows]))
        return np.asarray(torch.cat(parts).double().numpy()) if parts else np.zeros(0)
