"""What a final method checks of a plug-in: that it overrides nothing final, and writes into nothing it was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from facewarden.core.errors import ContractError


def forbid_override(cls: type, base: type, *names: str) -> None:
    """Raise when a plug-in class replaces a method that makes its contract true.

    Raises:
        ContractError: `cls` defines one of `names` below `base`.
    """
    for owner in cls.__mro__[: cls.__mro__.index(base)]:
        replaced = [name for name in names if name in vars(owner)]
        if replaced:
            raise ContractError(
                f"{owner.__qualname__} overrides {base.__name__}.{replaced[0]}, which is final",
                hint=f"implement the abstract method of {base.__name__} instead",
            )


@contextmanager
def left_alone(tensors: Iterable[Tensor], *, owner: str) -> Iterator[None]:
    """Watch tensors while a plug-in works with them, without copying them.

    Raises:
        ContractError: one was written into; whoever shares it would measure something else from then on.
    """
    # inference tensors have no version counter
    watched = [tensor for tensor in tensors if not tensor.is_inference()]
    before = [tensor._version for tensor in watched]
    yield
    if [tensor._version for tensor in watched] != before:
        raise ContractError(f"{owner} wrote into the images it was given", hint="use x - y instead of x.sub_(y)")


def set_rows(bad: Tensor) -> tuple[int, ...]:
    """Positions where a mask `(b,)` is set."""
    return tuple(torch.nonzero(bad).flatten().tolist()) if bool(bad.any()) else ()


def form_of(value: object) -> str:
    """Shape and type of a tensor, or the type of anything else, for messages."""
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
