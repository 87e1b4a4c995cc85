"""Distill a trunk for small machines from face recognizers and an ImageNet network."""

from __future__ import annotations

from pathlib import Path

from facewarden.verbs.distill import distill


def show(folder: Path) -> int:
    """Print where the trunk is."""
    print(f"trunk: {folder} (use it as the setting `trunk` of a detector's recipe)")
    return 0


entry = distill
