"""Every public part: pinned to one release and one hash, with what is known and unknown of it in words."""

from __future__ import annotations

import re

import pytest

from facewarden.assets import Asset
from facewarden.core import registry
from registered import names

pytestmark = pytest.mark.parametrize("name", names("assets"))


def asset(name: str) -> Asset:
    found: Asset = registry.load("assets", name)
    return found


def test_its_name_is_that_of_its_file(name: str) -> None:
    assert asset(name).name == name


def test_it_is_pinned_to_one_release(name: str) -> None:
    assert asset(name).registry in ("pypi", "npm")
    assert re.fullmatch(r"\d+(\.\d+)*([.-]?(a|b|rc|post|alpha|beta)[.-]?\d+)*", asset(name).version)
    assert asset(name).version in asset(name).archive
    assert asset(name).archive_size > 0


def test_every_hash_is_a_sha256(name: str) -> None:
    assert asset(name).files
    for digest in (asset(name).archive_sha256, *(part.sha256 for part in asset(name).files.values())):
        assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert all(part.size > 0 for part in asset(name).files.values())


def test_its_files_stay_inside_its_folder(name: str) -> None:
    for local, part in asset(name).files.items():
        for path in (local, part.path):
            assert path
            assert not path.startswith("/")
            assert ".." not in path.split("/")
        assert part.is_folder == bool(part.suffixes)


def test_licence_origin_and_use_are_said(name: str) -> None:
    for text in (asset(name).licence, asset(name).origin, asset(name).use):
        assert len(text) >= 15
    assert not re.search(r"\b(TODO|TBD|FIXME)\b", f"{asset(name).licence} {asset(name).origin} {asset(name).use}")
