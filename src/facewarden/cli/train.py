"""Train a detector by a recipe; a run that was killed resumes to the same bits."""

from __future__ import annotations

from pathlib import Path

from facewarden.train.api import train


def show(folder: Path) -> int:
    """Print where the model is."""
    print(f"model: {folder} (use it with --detector {folder})")
    return 0


entry = train
