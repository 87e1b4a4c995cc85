"""Every verb of the command line as a function: `facewarden audit` is `facewarden.api.audit`; imported lazily."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Any

_FUNCTIONS = MappingProxyType(
    {
        **{
            name: f"facewarden.verbs.{name}:{name}"
            for name in (
                "attack", "audit", "bench", "cloak", "data", "distill", "doctor", "evaluate", "explain", "pairs",
                "purify", "report", "score", "sfa", "simulate", "train",
            )
        },
        "fetch": "facewarden.assets:fetch",
        "list": "facewarden.verbs.list:list_",
    }
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _FUNCTIONS:
        raise AttributeError(f"module 'facewarden.api' has no attribute {name!r}")
    module, _, function = _FUNCTIONS[name].partition(":")
    return getattr(import_module(module), function)


def __dir__() -> list[str]:
    return sorted(_FUNCTIONS)
