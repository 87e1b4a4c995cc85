"""Every pinned asset says what it must say, and naming them imports nothing heavy."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from facewarden.assets import get, known

NAMES = [asset.name for asset in known()]


@pytest.mark.parametrize("name", NAMES)
def test_an_asset_is_pinned_and_described(name):
    asset = get(name)
    hashes = [asset.archive_sha256, *(part.sha256 for part in asset.files.values())]
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in hashes)
    assert asset.archive_size > 1000
    assert asset.files
    assert all(part.size > 0 for part in asset.files.values())
    assert all(part.suffixes for part in asset.files.values() if part.is_folder)
    assert all(not local.startswith("/") and ".." not in local for local in asset.files)
    assert "state" in asset.origin or "ImageNet" in asset.origin or "repeat" in asset.origin
    assert asset.licence
    assert asset.use
    assert asset.archive.endswith((".whl", ".tar.gz", ".tgz"))
    assert asset.registry == ("npm" if asset.archive.endswith(".tgz") else "pypi")


@pytest.mark.parametrize("name", NAMES)
def test_a_fetched_asset_verifies(name, need_asset):
    folder = need_asset(name)
    assert sorted(p.name for p in folder.iterdir()) == sorted({local.split("/")[0] for local in get(name).files})


def test_listing_imports_neither_torch_nor_numpy():
    code = (
        "import sys; from facewarden.assets import known; assert len(known()) >= 11; "
        "assert not {'torch', 'numpy', 'cv2', 'pip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
