"""How a folder of photos is understood: who is a person, what is left alone, and that it is said."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.folder import Folder
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.photo_files import list_photos, photos_of


def people(folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for photo in Folder(folder).photos():
        found[photo.identity] = found.get(photo.identity, 0) + 1
    return found


def test_people_below_split_folders_are_one_person_a_name(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["train/ann/1.png", "train/ann/2.png", "train/bob/1.png", "val/ann/3.png"])
    assert people(tmp_path) == {"ann": 3, "bob": 1}
    assert any("split folders train, val" in note for note in Folder(tmp_path).notes)
    assert len({photo.key for photo in Folder(tmp_path).photos()}) == 4


@pytest.mark.parametrize("name", ["train", "Test", "VALIDATION", "train_images", "test-set", "development", "Gallery"])
def test_one_split_folder_is_no_person(name: str, tmp_path: Path) -> None:
    write_pictures(tmp_path, [f"{name}/ann/1.png", f"{name}/bob/1.png"])
    assert set(people(tmp_path)) == {"ann", "bob"}


def test_one_folder_too_many(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["photos/ann/1.png", "photos/bob/2024/1.png", "photos/bob/1.png"])
    assert people(tmp_path) == {"ann": 1, "bob": 2}
    assert "people are the folders inside photos" in Folder(tmp_path).notes
    write_pictures(tmp_path / "b", ["ann/2023/1.png", "ann/2024/1.png", "bob/1.png"])  # depth below a person is fine
    assert people(tmp_path / "b") == {"ann": 2, "bob": 1}


def test_what_cannot_be_told_apart_is_refused_with_the_layout(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["train/ann/1.png", "carl/1.png"])
    with pytest.raises(BadInputError, match=r"split folders \(train …\) beside .*carl"):
        Folder(tmp_path)
    write_pictures(tmp_path / "b", ["train/1.png", "val/ann/1.png"])
    with pytest.raises(BadInputError, match="directly in the split folder train"):
        Folder(tmp_path / "b")


def test_hidden_folders_thumbnails_and_links_are_nobody_and_are_counted(tmp_path: Path) -> None:
    write_pictures(
        tmp_path, ["ann/1.png", "bob/1.png", "@eaDir/ann/1.png", ".thumbs/x/1.png", "ann/Thumbs/1.png", "ann/.h.png"]
    )
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "ann" / "notes.txt").write_text("x")
    assert people(tmp_path) == {"ann": 1, "bob": 1}
    assert list_photos(tmp_path).unread == {
        "folder of a file server, not read": 2,
        "hidden folder, not read": 1,
        "hidden file, not read": 1,
        "link to a folder, not followed": 1,
        "not read: .txt": 1,
    }
    assert len(photos_of(tmp_path).photos) == 2  # the verbs for photos walk the same way
    assert photos_of(tmp_path).unread == list_photos(tmp_path).unread


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_counted_by_name(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["ann/1.png", "locked/1.png"])
    (tmp_path / "locked").chmod(0)
    try:
        assert list_photos(tmp_path).unread == {"folder that cannot be listed: locked": 1}
    finally:
        (tmp_path / "locked").chmod(0o755)


def test_a_folder_that_cannot_be_listed_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path, ["ann/1.png", "locked/1.png"])
    plain = Path.iterdir

    def refused(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    listing = list_photos(tmp_path)
    assert listing.unread == {"folder that cannot be listed: locked": 1}
    assert len(listing.photos) == 1


def test_opening_says_what_was_understood(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_pictures(tmp_path, ["ann/1.png", "ann/2.png", "bob/1.png", "loose.png"])
    with caplog.at_level(logging.INFO, logger="facewarden"):
        open_dataset(tmp_path)
    assert f"{tmp_path.name}: 2 people, 3 photos" in caplog.messages
    assert "1 loose photos beside the folders of people are left out" in caplog.messages


def test_people_of_a_gallery_and_of_a_probe_folder_are_the_same_people(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["gallery/ann/1.png", "gallery/bob/1.png", "probe/ann/2.png", "probe/bob/2.png"])
    assert people(tmp_path) == {"ann": 2, "bob": 2}
    found = Folder(tmp_path)
    assert {found.split_of(photo) for photo in found.photos()} == {None}  # no leak: so it is meant


def test_splits_are_told_of_every_photo(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["x/train_faces/ann/1.png", "x/eval/bob/1.png", "x/val/cy/1.png"])
    found = Folder(tmp_path)
    assert {photo.identity: found.split_of(photo) for photo in found.photos()} == {
        "ann": "train", "bob": "test", "cy": "dev",
    }  # fmt: skip


def test_photos_two_folders_deep_are_said_to_be_of_the_outer_ones(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["part1/ann/1.png", "part1/bob/1.png", "part2/ann/1.png", "part2/cy/1.png"])
    assert people(tmp_path) == {"part1": 2, "part2": 2}
    assert Folder(tmp_path).notes == (
        "every photo lies two folders deep: people are the 2 outer folders (first: part1), not the 3 names inside them "
        "(first: ann)",
    )
    write_pictures(tmp_path / "b", ["ann/1.png", "ann/2024/2.png", "bob/2024/1.png"])
    assert Folder(tmp_path / "b").notes == ()


def test_one_name_in_two_spellings_of_its_accent_is_one_person(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["train/Jos\u00e9/1.png", "val/Jose\u0301/2.png", "val/bob/1.png"])
    assert people(tmp_path) == {"Jos\u00e9": 2, "bob": 1}
