"""Every verb of the command line as a function: `facewarden audit` is `facewarden.api.audit`; imported lazily."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __dir__():
        raise AttributeError(f"module 'facewarden.api' has no attribute {name!r}")
    return import_module(f"facewarden.cli.{name}").entry


def __dir__() -> list[str]:
    return sorted(path.stem for path in (Path(__file__).parent / "cli").glob("*.py") if path.stem[0] != "_")
