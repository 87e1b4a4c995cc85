"""Likelihood that a face is cloaked, from the perturbation that a trained purifier would remove."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_purifier
from facewarden.core.roles import Purifier
from facewarden.nn.cloak_kinds import likeliest

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


@runtime_checkable
class TellsKinds(Protocol):
    """One that tells kinds of cloaks apart, from faces that it restored before."""

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds; none where its weights came without them."""

    def kind_likelihoods(self, images: Tensor, restored: Tensor) -> Tensor:
        """Likelihood `(b, kinds)` of each kind."""


@dataclass(frozen=True)
class Suspicion:
    """What a detector says of a face.

    Attributes:
        likelihood: that it is cloaked.
        kind: the likeliest kind of cloak; empty where the detector tells no kinds.
    """

    likelihood: float
    kind: str = ""

    def kind_from(self, least: float) -> str:
        """The kind of a face that is suspicious: empty for a likelihood below `least`."""
        return "" if self.likelihood < least else self.kind


def most_suspicious(faces: Sequence[Suspicion]) -> Suspicion:
    """The most suspicious of some faces; what is not a number is the most suspicious."""
    return max(faces, key=lambda one: (math.isnan(one.likelihood), one.likelihood))


@runtime_checkable
class PurifiesByKind(TellsCloaks, Protocol):
    """One that purifies as the kind of cloak demands, and so knows the kinds when it has purified."""

    @property
    def kinds(self) -> Sequence[str]:
        """Kinds of cloaks that it tells apart; one at least."""

    def purified_by_kind(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Purified faces `(b, 3, h, w)`, and the likelihood `(b, kinds)` of each kind before."""


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
        self._teller_of_kinds = made if isinstance(made, TellsKinds) and made.kinds else None
        self._by_kind = made if isinstance(made, PurifiesByKind) else None

    def __call__(self, images: Tensor, *, restored: Tensor | None = None, batch: int = 32) -> NDArray[np.float64]:
        """Likelihood `(b,)` in [0, 1] of aligned faces.

        Args:
            images: `(b, 3, h, w)` in [0, 1].
            restored: what this detector's own purifier made of them, where that is known.
            batch: faces at a time.
        """
        found = self.suspicions(images, restored=restored, batch=batch)
        return np.array([one.likelihood for one in found], dtype=np.float64)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of cloaks that it tells apart."""
        told = self._teller_of_kinds or self._by_kind
        return () if told is None else tuple(told.kinds)

    def suspicions(self, images: Tensor, *, restored: Tensor | None = None, batch: int = 32) -> list[Suspicion]:
        """Likelihood and likeliest kind of each face; the arguments are those of a call."""
        found: list[Suspicion] = []
        with torch.no_grad():
            for rows in torch.split(torch.arange(len(images)), batch) if len(images) else ():
                found += self._told(images[rows], None if restored is None else restored[rows])
        return found

    def purified(self, images: Tensor, *, batch: int = 32) -> tuple[Tensor, list[Suspicion]]:
        """Faces after this detector's own purifier, and what is said of each; nothing is computed twice.

        Args:
            images: as in a call.
            batch: as in a call.
        """
        made: list[Tensor] = []
        found: list[Suspicion] = []
        with torch.no_grad():
            for part in torch.split(images, batch) if len(images) else ():
                if self._by_kind is not None:
                    purified, each = self._by_kind.purified_by_kind(part)
                    found += self._named(each)
                else:
                    purified = self.purifier(part)
                    found += self._told(part, purified)
                made.append(purified)
        return torch.cat(made) if made else images, found

    def _named(self, each: Tensor) -> list[Suspicion]:
        names = likeliest(self.kinds, each)
        return [Suspicion(float(row.double().max()), name) for row, name in zip(each, names, strict=True)]

    def _told(self, images: Tensor, restored: Tensor | None) -> list[Suspicion]:
        if self._teller_of_kinds is not None:
            made = self.purifier(images) if restored is None else restored
            return self._named(self._teller_of_kinds.kind_likelihoods(images, made))
        if self._by_kind is not None:
            return self._named(self._by_kind.purified_by_kind(images)[1])
        if restored is not None and isinstance(self._teller, TellsFromRestored):
            likelihoods = self._teller.likelihood_from(images, restored)
        else:
            likelihoods = self._teller.likelihood(images)
        return [Suspicion(value) for value in likelihoods.double().tolist()]
