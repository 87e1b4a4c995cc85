"""Which kind of cloak a face may have: a multinomial logistic function, whose reference is an uncloaked face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.nn.residue import DESCRIBED, ENERGIES

NOISE = "noise"
"""The kind of cloak that a purifier's network itself takes out."""
WARP = "warp"
"""The kind of cloak that moves the parts of a face, which `unwarp` detects and undoes."""


def check_gate(value: float, *, name: str) -> None:
    """Refuse what is no likelihood.

    Raises:
        BadInputError: outside of 0 to 1.
    """
    if not 0.0 <= value <= 1.0:
        raise BadInputError(f"{name} is a likelihood in [0, 1], got {value}", hint=f"{name}=0.5")


@dataclass(frozen=True, eq=False)
class KindLines:
    """A line for each kind of cloak; an uncloaked face scores 0.

    Attributes:
        names: the kinds.
        weights: `(kinds, statistics)`.
        bias: `(kinds,)`.
    """

    names: tuple[str, ...]
    weights: Float[Tensor, "k d"]
    bias: Float[Tensor, " k"]

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> KindLines:
        """Read the lines of a card: `names`, `weights` and `bias`.

        Raises:
            BadInputError: they do not belong together.
        """
        names = tuple(str(name) for name in settings.get("names", ()))
        weights = torch.tensor(settings.get("weights", []), dtype=torch.float64)
        bias = torch.tensor(settings.get("bias", []), dtype=torch.float64)
        if not names or weights.ndim != 2 or len(weights) != len(names) or bias.shape != (len(names),):
            raise BadInputError(
                f"lines of {len(names)} kinds of cloaks with weights {tuple(weights.shape)} and bias "
                f"{tuple(bias.shape)}",
                hint="copy the folder of the purifier again",
            )
        return cls(names, weights, bias)

    def settings(self) -> dict[str, Any]:
        """What a card keeps, with six decimals."""
        return {
            "names": list(self.names),
            "weights": [[round(value, 6) for value in row] for row in self.weights.tolist()],
            "bias": [round(value, 6) for value in self.bias.tolist()],
        }

    def __call__(self, values: Float[Tensor, "b d"]) -> Float[Tensor, "b k"]:
        """Likelihood of each kind; what is missing to one is the likelihood of none of them.

        Args:
            values: statistics of faces.

        Raises:
            BadInputError: another number of statistics than the lines weigh.
        """
        if values.shape[1] != self.weights.shape[1]:
            raise BadInputError(
                f"the card weighs {self.weights.shape[1]} statistics of cloaks, there are {values.shape[1]}",
                hint="install the version of facewarden that the purifier was trained with",
            )
        scores = values.double() @ self.weights.to(values.device).T + self.bias.to(values.device)
        reference = torch.zeros(len(scores), 1, dtype=scores.dtype, device=scores.device)
        return torch.softmax(torch.cat([reference, scores], dim=1), dim=1)[:, 1:].to(values.dtype)


def noise_likelihood(fitted: Mapping[str, Any], values: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
    """Likelihood of a cloak of noise: the logistic function of what is taken out.

    Args:
        fitted: `weights` and `bias` of a card, of all that describes what is taken out, or of its energies alone, as
            releases before 0.2 fitted them.
        values: statistics of faces, those of what is taken out before all others.

    Raises:
        BadInputError: another number of weights.
    """
    count = len(fitted["weights"])
    if count not in (ENERGIES, DESCRIBED):
        raise BadInputError(
            f"the card weighs {count} statistics of what is taken out, there are {DESCRIBED}",
            hint="facewarden train fits it again",
        )
    scale = torch.tensor(fitted["weights"], dtype=values.dtype, device=values.device)
    return torch.sigmoid((values[:, :count] * scale).sum(dim=1) + float(fitted["bias"]))


def kind_likelihoods(
    lines: KindLines, values: Float[Tensor, "b d"], *, noise: Mapping[str, Any] | None
) -> Float[Tensor, "b k"]:
    """Likelihood of each kind; that of noise by its own function, so that a row need not add up to 1.

    Args:
        lines: of the kinds.
        values: all statistics of faces, see `facewarden.purifiers.parts.learned.LearnedPurifier.statistics`.
        noise: as of `noise_likelihood`; without it noise is told by its line.
    """
    each = lines(values)
    if NOISE in lines.names and noise is not None:
        each[:, lines.names.index(NOISE)] = noise_likelihood(noise, values)
    return each


def likeliest(names: Sequence[str], likelihoods: Float[Tensor, "b k"]) -> list[str]:
    """Name of the likeliest kind of each face."""
    return [names[int(row)] for row in likelihoods.argmax(dim=1)]
