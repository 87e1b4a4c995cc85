"""The old place of the public functions: what was `facewarden.api.audit` is `facewarden.audit`; goes away soon."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
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

_ARGUMENTS = MappingProxyType(
    {
        "cloak": {"judges": "recognizers"},
        "pairs": {"part": "shard", "shard": "per_file"},
        "evaluate": {"judge": "recognizer", "passed_over": "skip_people"},
    }
)
"""Function -> arguments of version 0.1 that have another name now."""


def __getattr__(name: str) -> Any:
    if name not in _NEW:
        raise AttributeError(f"module 'facewarden.api' has no attribute {name!r}")
    warnings.warn(
        f"facewarden.api.{name} is now {_NEW[name]}; facewarden.api goes away in the next release",
        DeprecationWarning,
        stacklevel=2,
    )
    module, _, function = _NEW[name].rpartition(".")
    return _with_old_arguments(getattr(import_module(module), function), _ARGUMENTS.get(name, {}))


def _with_old_arguments(function: Callable[..., Any], renamed: Mapping[str, str]) -> Callable[..., Any]:
    if not renamed:
        return function

    @functools.wraps(function)
    def called(*values: Any, **named: Any) -> Any:
        return function(*values, **{renamed.get(name, name): value for name, value in named.items()})

    return called


def __dir__() -> list[str]:
    return sorted(_NEW)
