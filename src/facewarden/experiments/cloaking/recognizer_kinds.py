"""The role of an evaluation recognizer for a cloak and a purifier; rates of different roles are never pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from facewarden.core.errors import ContractError
from facewarden.core.roles import Purifier, Recognizer

RecognizerKind = Literal["surrogate", "unseen_network", "unseen_family"]
RECOGNIZER_KINDS: tuple[RecognizerKind, ...] = get_args(RecognizerKind)
"""A network the cloak was made on; another one of a surrogate's family; one of a family that the cloak never saw."""

COUNTS_FROM = 0.2
"""Protection without purification from which a cell counts: there is nothing to remove below it."""


@dataclass(frozen=True)
class RecognizerRate:
    """A protection rate with the evaluation recognizer that measured it.

    Attributes:
        rate: in [0, 1].
        untreated: the same without a purifier.
        kind: what the recognizer is to the cloak.
        recognizer, surrogates: names.
        loss_networks: networks in the purifier's training loss.
    """

    rate: float
    untreated: float
    kind: RecognizerKind
    recognizer: str
    surrogates: tuple[str, ...]
    loss_networks: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether the cloak protects without a purifier, so that a purifier can have an effect."""
        return self.untreated >= COUNTS_FROM

    @property
    def eligible(self) -> bool:
        """Whether a headline may use it: it counts, and the purifier was not trained on the recognizer's features."""
        return self.counts and self.recognizer not in self.loss_networks


def headline(rates: Sequence[RecognizerRate]) -> float:
    """Mean protection rate of cells that belong together.

    Raises:
        ContractError: no cells, recognizers of more than one kind, a recognizer that is the purifier's loss network, or
            a cell whose cloak protects nobody.
    """
    if not rates:
        raise ContractError("a headline of no cells", hint="select eligible cells of one kind of recognizer")
    kinds = {rate.kind for rate in rates}
    if len(kinds) > 1:
        raise ContractError(
            f"recognizers of the kinds {', '.join(sorted(kinds))} are never pooled", hint="one headline for each kind"
        )
    for rate in rates:
        if not rate.eligible:
            why = "is the purifier's loss network" if rate.counts else "sees a cloak that protects nobody untreated"
            raise ContractError(f"recognizer {rate.recognizer} {why}", hint="exclude cells that are not eligible")
    return sum(rate.rate for rate in rates) / len(rates)


def recognizer_kind(recognizer: Recognizer, surrogates: Sequence[Recognizer]) -> RecognizerKind:
    """Role of an evaluation recognizer for a cloak made on these surrogates."""
    names = {recognizer.card.name, recognizer.card.settings.get("base")}  # a retrained copy of a surrogate is still one
    if any(model.card.name in names for model in surrogates):
        return "surrogate"
    return "unseen_network" if family_of(recognizer) in {family_of(model) for model in surrogates} else "unseen_family"


def family_of(recognizer: Recognizer) -> str:
    """Family of a recognizer: the architecture of its network, or itself where that is not known."""
    network = getattr(recognizer, "network", None)
    name = type(network).__name__
    return recognizer.card.name if name in ("NoneType", "Sequential") else name


def loss_networks(purifier: Purifier) -> tuple[str, ...]:
    """Networks whose features were in the training loss, as the purifier's card says under `features`."""
    listed = purifier.card.settings.get("features", ())
    if isinstance(listed, str):
        return (listed,)
    return tuple(str(name) for name in listed) if isinstance(listed, (list, tuple)) else ()
