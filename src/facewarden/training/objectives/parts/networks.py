"""The network that an objective is made for, or a refusal that says which detector has it."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

from facewarden.core.errors import ContractError

_Network = TypeVar("_Network", bound=nn.Module)


def network_of(detector: Any, kind: type[_Network], *, objective: str, needs: str) -> _Network:
    """The detector's network.

    Args:
        detector: not wrapped.
        kind: class of the network.
        objective: for the message, and the name of the detector that it is made for.
        needs: what other networks lack.

    Raises:
        ContractError: another network.
    """
    network = getattr(detector, "network", None)
    if not isinstance(network, kind):
        raise ContractError(
            f"{objective} needs {needs}, which {type(detector).__name__} has not", hint=f"train {objective}"
        )
    return network
