"""The walk of folders that somebody made to break it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facewarden.data.photo_files import list_photos


def test_folders_nested_a_thousand_deep_are_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").touch()
    for _ in range(1500):
        os.mkdir("d")  # noqa: PTH102 - a path this long is no path any more
        os.chdir("d")
    try:
        found = list_photos(tmp_path)
    finally:  # from the innermost on: removing such a tree by its path is more than pytest's own cleanup can do
        for _ in range(1500):
            os.chdir("..")
            os.rmdir("d")  # noqa: PTH106
    assert [path.name for path in found.photos] == ["a.png"]
