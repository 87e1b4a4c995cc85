"""Train a detector by a recipe; a run that was killed resumes to the same bits."""

from __future__ import annotations

import json
from pathlib import Path

from facewarden.verbs.train import RESULTS, train


def show(folder: Path) -> int:
    """Print where the model is, and what a reader must know of the captures that it learned from."""
    results = folder / RESULTS
    found = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    for sentence in (*found.get("notes", ()), *found.get("audit", {}).get("sentences", ())):
        print(f"note: {sentence}")
    print(f"model: {folder} (use it with --detector {folder})")
    return 0


entry = train
