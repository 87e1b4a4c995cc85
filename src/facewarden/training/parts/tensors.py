"""Every tensor of a value changed at once: moved to a device, or pinned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


def with_tensors(value: T, change: Callable[[Tensor], Tensor]) -> T:
    """The same value with every tensor in it changed.

    Args:
        value: a tensor, a mapping, a dataclass of such values, or anything else, which stays as it is.
        change: what becomes of a tensor.
    """
    return _changed(value, change)  # type: ignore[no-any-return]


def _changed(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _changed(part, change) for name, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{item.name: _changed(getattr(value, item.name), change) for item in fields(value)})
    return value
