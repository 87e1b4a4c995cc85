"""facewarden: measure and counter the three lies a face image can tell a recognition system.

Every verb of the command line is a function here: `facewarden.audit(...)` is `facewarden audit`. They are imported when
first used, so that `import facewarden` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from facewarden.core.batch import FaceBatch

_DOORS = {
    "FaceBatch": "facewarden.core.batch",
}


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        return getattr(import_module(_DOORS[name]), name)
    raise AttributeError(f"module 'facewarden' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_DOORS])
