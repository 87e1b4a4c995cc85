"""The old place of the public functions: what was `facewarden.api.audit` is `facewarden.audit`; goes away soon."""

from __future__ import annotations

import warnings
from importlib import import_module
from types import MappingProxyType
from typing import Any

_NEW = MappingProxyType(
    {
        **{
            name: f"facewarden.{name}"
            for name in (
                "attack", "audit", "bench", "cloak", "distill", "doctor", "evaluate", "explain", "fetch", "purify",
                "report", "score", "sfa", "simulate", "train",
            )
        },
        "pairs": "facewarden.cloak_pairs",
        "data": "facewarden.verbs.data.data",
        "list": "facewarden.verbs.list.list_",
    }
)  # fmt: skip
"""Old name -> new spelling."""


def __getattr__(name: str) -> Any:
    if name not in _NEW:
        raise AttributeError(f"module 'facewarden.api' has no attribute {name!r}")
    warnings.warn(
        f"facewarden.api.{name} is now {_NEW[name]}; facewarden.api goes away in the next release",
        DeprecationWarning,
        stacklevel=2,
    )
    module, _, function = _NEW[name].rpartition(".")
    return getattr(import_module(module), function)


def __dir__() -> list[str]:
    return sorted(_NEW)
