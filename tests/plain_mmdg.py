"""Gives the tests the plain MMDG that the benchmark measures against."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any


def load() -> Any:
    """The module `benchmarks/mmdg_plain.py`."""
    path = Path(__file__).resolve().parent.parent / "benchmarks" / "mmdg_plain.py"
    spec = importlib.util.spec_from_file_location("mmdg_plain", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
