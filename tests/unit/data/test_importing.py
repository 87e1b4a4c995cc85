"""`data import`: a published set becomes a manifest, archives become pictures when asked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.data.captures import names_captures, open_captures
from facewarden.data.checking.check import check
from facewarden.data.importing import import_captures
from facewarden.data.loading import load_batch
from facewarden.data.manifest import Manifest
from twins import twin


@pytest.mark.parametrize("name", ["padisi", "wmca"])
def test_extracted_pictures_are_those_of_the_arrays(name: str, tmp_path: Path) -> None:
    source = twin(name) / "archives" if name == "wmca" else twin(name)
    found = import_captures(f"{name}:{source}", out=tmp_path / "set" / "manifest.csv", extract=True)
    again = Manifest.read(found.out)
    kept = open_captures(f"{name}:{source}")
    assert [row.key for row in again] == [row.key for row in kept]
    assert all(str(row.rgb).startswith("pictures/") for row in again)
    one, other = (load_batch(item.rows[:4], root=item.root) for item in (again, kept))
    for modality in MODALITIES:
        torch.testing.assert_close(one.images[modality], other.images[modality], atol=0.51 / 255, rtol=0)


def test_without_extraction_nothing_is_copied(tmp_path: Path) -> None:
    import_captures(f"padisi:{twin('padisi')}", out=tmp_path / "manifest.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.parquet"]
    assert check(tmp_path / "manifest.parquet").ok


def test_archives_are_checked_picture_by_picture() -> None:
    """Frames of one file are no duplicates of each other, and files that are not there are found."""
    report = check(Path(f"wmca:{twin('wmca') / 'archives'}"))
    assert "duplicate" not in {finding.kind for finding in report.findings}
    assert report.images == 3 * len(open_captures(f"wmca:{twin('wmca') / 'archives'}"))


def test_the_verb_prints_counts_notes_and_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = twin("casia_surf")
    lists = [f"--{split}-list={folder / 'lists' / f'{split}.txt'}" for split in ("train", "dev", "test")]
    command = ["data", "import", f"casia_surf:{folder}", "--out", str(tmp_path / "m.csv"), *lists]
    assert main(command) == 2
    assert "depth/151.jpg" in capsys.readouterr().err
    assert main([*command, "--missing", "skip", "--dedup"]) == 0
    printed = capsys.readouterr().out
    assert "1 bona fide" not in printed
    assert "rows that repeat an earlier one, left out: 1" in printed
    assert f"manifest: {tmp_path / 'm.csv'}" in printed
    assert "train: " in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "wmca:absent", "--out", "m.csv"], "no such file or folder"),
        (["import", "wmca", "--out", "m.csv"], "names no published set"),
        (["import", "orl:.", "--out", "m.csv"], "no set of captures"),
        (["check", "x"], "no dataset 'x'"),
    ],
)
def test_misuse_is_refused_in_words(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_only_published_sets_and_manifests_are_captures(tmp_path: Path) -> None:
    assert names_captures("wmca:anything")
    assert names_captures(tmp_path / "m.csv")
    assert not names_captures(tmp_path)
    (tmp_path / "manifest.csv").touch()
    assert names_captures(tmp_path)  # its pictures are sensors of captures, not photos
    assert not names_captures("photo:1.jpg")
    with pytest.raises(BadInputError, match="unknown kind of table"):
        open_captures("photo:1.jpg")
