"""A registry of fake releases on disk: pip finds them by find-links, a fake npm hands them out."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from facewarden.assets import ArchivePart, Asset
from facewarden.assets.parts import fetch as fetching
from facewarden.core.errors import UnknownEntryError

WEIGHTS = b"weights " * 40
FACES = {"s1/1.pgm": b"P5 one", "s1/2.pgm": b"P5 two", "s2/1.pgm": b"P5 three", "readme.txt": b"not taken"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def folder_digest(files: Mapping[str, bytes]) -> str:
    return digest("".join(f"{digest(data)}  {name}\n" for name, data in sorted(files.items())).encode())


def tar_bytes(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            bundle.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return buffer.getvalue()


class FakeRegistry:
    """Holds archives on disk and the assets that point at them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.assets: dict[str, Asset] = {}

    def add(
        self, name: str, archive: str, data: bytes, files: Mapping[str, ArchivePart], registry: str = "pypi"
    ) -> Asset:
        (self.folder / archive).write_bytes(data)
        self.assets[name] = Asset(
            name=name,
            registry=registry,  # type: ignore[arg-type]
            package="fakepart",
            version="1.0.0",
            archive=archive,
            archive_sha256=digest(data),
            archive_size=len(data),
            files=files,
            licence="CC0",
            origin="made up",
            use="test",
        )
        return self.assets[name]

    def change(self, name: str, **fields: object) -> None:
        self.assets[name] = replace(self.assets[name], **fields)  # type: ignore[arg-type]

    def get(self, name: str) -> Asset:
        if name not in self.assets:
            raise UnknownEntryError(f"no {name}", hint="facewarden list assets")
        return self.assets[name]

    def known(self) -> tuple[Asset, ...]:
        return tuple(self.assets.values())


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    links = tmp_path / "links"
    links.mkdir()
    registry = FakeRegistry(links)
    monkeypatch.setattr(fetching, "get", registry.get)
    monkeypatch.setattr(fetching, "known", registry.known)
    monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FACEWARDEN_OFFLINE", raising=False)
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    return registry


@pytest.fixture
def sdist(fake: FakeRegistry, tmp_path: Path) -> Asset:
    """An sdist whose setup would leave a mark if anything ran it."""
    setup = f"import pathlib\npathlib.Path({str(tmp_path / 'setup_ran')!r}).touch()\n"
    data = tar_bytes({"fakepart-1.0.0/setup.py": setup.encode(), "fakepart-1.0.0/model/w.bin": WEIGHTS})
    part = ArchivePart("fakepart-1.0.0/model/w.bin", digest(WEIGHTS), len(WEIGHTS))
    return fake.add("weights", "fakepart-1.0.0.tar.gz", data, {"w.bin": part})


@pytest.fixture
def wheel(fake: FakeRegistry) -> Asset:
    """A wheel that holds a folder of faces."""
    data = zip_bytes({f"fakepart/faces/{name}": content for name, content in FACES.items()})
    pictures = {name: content for name, content in FACES.items() if name.endswith(".pgm")}
    part = ArchivePart("fakepart/faces/", folder_digest(pictures), sum(map(len, pictures.values())), (".pgm",))
    return fake.add("faces", "fakepart-1.0.0-py3-none-any.whl", data, {"faces": part})


@pytest.fixture
def npm(fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts an `npm` on the PATH that hands out `fakepart-1.0.0.tgz` or fails with a given message."""

    def install(failure: str = "") -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "npm"
        script.write_text(
            f"#!{sys.executable}\nimport shutil, sys\n"
            f"failure = {failure!r}\n"
            "if failure: sys.exit(failure)\n"
            "assert sys.argv[1] == 'pack' and '--ignore-scripts' in sys.argv and sys.argv[-1] == 'fakepart@1.0.0'\n"
            "target = sys.argv[sys.argv.index('--pack-destination') + 1]\n"
            f"shutil.copy({str(fake.folder / 'fakepart-1.0.0.tgz')!r}, target)\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


@pytest.fixture
def tarball(fake: FakeRegistry) -> Asset:
    """An npm tarball."""
    part = ArchivePart("package/w.bin", digest(WEIGHTS), len(WEIGHTS))
    return fake.add("node", "fakepart-1.0.0.tgz", tar_bytes({"package/w.bin": WEIGHTS}), {"w.bin": part}, "npm")
