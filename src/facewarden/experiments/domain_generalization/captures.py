"""The captures of a plan on unseen domains: simulated or opened once, and kept in the folder that its cells share."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewarden.core.errors import FacewardenError
from facewarden.core.settings import SettingError, read_settings
from facewarden.data.captures import open_captures
from facewarden.data.manifest import Manifest
from facewarden.data.simulate.specification import SeededCaptures
from facewarden.evaluation.simulated_captures import simulate_captures
from facewarden.experiments.engine.kind import SHARED


def prepared_captures(data: Mapping[str, Any], folder: Path) -> Manifest:
    """The captures of a plan, simulated or read once and kept in a folder, which appears whole.

    Args:
        data: `{"simulate": {...}}` or `{"captures": [...]}`.
        folder: below `SHARED`, of these data alone.

    Raises:
        SettingError: they cannot be simulated or read.
    """
    if not (folder / "manifest.csv").is_file() and not (folder / "manifest.parquet").is_file():
        partial = folder.with_name(f".{folder.name}")
        shutil.rmtree(partial, ignore_errors=True)
        if data.get("simulate") is not None:
            try:
                settings = read_settings(SeededCaptures, data["simulate"])
                simulate_captures(partial, settings, faces=settings.faces, workers=settings.workers)
            except FacewardenError as error:
                raise SettingError(error.message, hint=error.hint, at=("data", "simulate")) from error
        else:
            try:
                sets = [open_captures(source) for source in data["captures"]]
            except FacewardenError as error:
                raise SettingError(error.message, hint=error.hint, at=("data", "captures")) from error
            partial.mkdir(parents=True)
            Manifest.joined(sets, name="captures").write(partial / "manifest.parquet")
        partial.replace(folder)  # captures appear whole
    assert folder.parent.name == SHARED
    return Manifest.read(folder)
