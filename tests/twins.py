"""Twins of published sets, of noise, written once for each process and copied where a test breaks one."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path

from facewarden.core import registry
from facewarden.data.datasets.parts.twins import noise

PEOPLE = 5


@functools.cache
def twin(name: str) -> Path:
    """The folder of a set's twin; read only."""
    folder = Path(tempfile.mkdtemp(prefix="facewarden-twin-"))
    registry.load("datasets", name).twin(folder, noise(size=(24, 30)), PEOPLE).write()
    return folder


def copied(name: str, folder: Path) -> Path:
    """A copy of a twin that a test may change."""
    target = folder / name
    shutil.copytree(twin(name), target)
    return target
