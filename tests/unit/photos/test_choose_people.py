"""Who takes part in cloaking: people with enough different photos."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.content import REPEATED, SHARED, without_repeats
from facewarden.data.datasets.folder import Folder
from facewarden.photos.aligned import choose_people


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_copies_of_a_photo_make_nobody_a_person_of_many_photos(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for who in ("ann", "bob"):
        for number in range(4):
            put(tmp_path, f"{who}/{number}", f"{who} {number}".encode())
    for number in range(4):
        put(tmp_path, f"cy/{number}", b"the same")
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        chosen = choose_people(Folder(tmp_path).photos(), people=9, at_least=4, at_most=9, seed=0)
    assert {photo.identity for photo in chosen} == {"ann", "bob"}
    assert f"3 x {REPEATED}: left out" in caplog.text
    (tmp_path / "bob" / "0.png").write_bytes(b"ann 0")  # as long as before: whose photo it is, nobody can tell
    kept, left_out = without_repeats(Folder(tmp_path).photos())
    assert left_out == {REPEATED: 3, SHARED: 2}
    assert len(kept) == 7
    with pytest.raises(BadInputError, match="only 0 of 3 people have 4 photos or more"):
        choose_people(Folder(tmp_path).photos(), people=9, at_least=4, at_most=9, seed=0)


def test_photos_that_cannot_be_read_are_left_to_their_reader(tmp_path: Path) -> None:
    put(tmp_path, "ann/1", b"x")
    put(tmp_path, "bob/1", b"y")
    photos = Folder(tmp_path).photos()
    for photo in photos:
        photo.path.unlink()
    assert without_repeats(photos) == (photos, {})
