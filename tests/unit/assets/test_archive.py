"""Archives that attack the unpacker."""

from __future__ import annotations

import io
import tarfile

import pytest

from facewarden.assets import ArchivePart
from facewarden.assets.parts.archive import extract
from facewarden.core.errors import AssetError

from .conftest import tar_bytes, zip_bytes


@pytest.mark.parametrize("name", ["../evil.pgm", "a/../../evil.pgm", "/evil.pgm", "a\\evil.pgm", "c:evil.pgm"])
@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_a_path_that_leaves_the_folder_is_refused(fake, tmp_path, name, pack):
    archive = tmp_path / ("a.whl" if pack is zip_bytes else "a.tgz")
    archive.write_bytes(pack({f"faces/{name}": b"x"}))
    asset = fake.add("bad", "a", b"", {"faces": ArchivePart("faces/", "", 10, (".pgm",))})
    (tmp_path / "out").mkdir()
    if pack is zip_bytes and "\\" in name:
        return  # zipfile itself turns the backslash into a slash on some systems
    with pytest.raises(AssetError, match="unsafe path"):
        extract(asset, archive, tmp_path / "out")
    assert not list(tmp_path.rglob("evil.pgm"))


def test_a_link_is_not_followed(fake, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        link = tarfile.TarInfo("w.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "../secret"
        bundle.addfile(link)
    (tmp_path / "a.tgz").write_bytes(buffer.getvalue())
    asset = fake.add("bad", "a", b"", {"w.bin": ArchivePart("w.bin", "", 10)})
    with pytest.raises(AssetError, match=r"holds no w\.bin"):
        extract(asset, tmp_path / "a.tgz", tmp_path)


@pytest.mark.parametrize("pack", [tar_bytes, zip_bytes])
def test_a_member_larger_than_pinned_is_not_unpacked(fake, tmp_path, pack):
    archive = tmp_path / ("a.whl" if pack is zip_bytes else "a.tgz")
    archive.write_bytes(pack({"w.bin": bytes(1000)}))
    asset = fake.add("bomb", "a", b"", {"w.bin": ArchivePart("w.bin", "", 999)})
    with pytest.raises(AssetError, match="larger than pinned"):
        extract(asset, archive, tmp_path)
    assert not (tmp_path / "w.bin").exists()


def test_the_files_of_a_folder_share_one_budget(fake, tmp_path):
    (tmp_path / "a.tgz").write_bytes(tar_bytes({f"f/{i}.pgm": bytes(60) for i in range(3)}))
    asset = fake.add("bomb", "a", b"", {"f": ArchivePart("f/", "", 100, (".pgm",))})
    with pytest.raises(AssetError, match="larger than pinned"):
        extract(asset, tmp_path / "a.tgz", tmp_path)
