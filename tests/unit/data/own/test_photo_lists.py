"""Own pairs and lists of photos: who is who by the pairs themselves, and contradictions that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.own.photo_lists import OwnPairs, photos_of_list


def pairs(tmp_path: Path, text: str) -> OwnPairs:
    (tmp_path / "pairs.csv").write_text(text)
    return OwnPairs.read(tmp_path / "pairs.csv")


def test_people_are_made_of_pairs(tmp_path: Path) -> None:
    read = pairs(tmp_path, "first,second,same\n# x,y,1\na.png,b.png,1\nb.png,c.png,1\na.png,d.png,0\nd.png,e.png,0\n")
    who = {photo.key: photo.identity for photo in read.photos}
    assert who["a.png"] == who["b.png"] == who["c.png"]
    assert len(set(who.values())) == 3
    assert (read.first, read.second) == ((0, 1, 0, 3), (1, 2, 3, 4))
    assert read.photos[0].path == tmp_path / "a.png"


def test_subjects_are_used_where_they_are_told(tmp_path: Path) -> None:
    head = "first,second,same,first_subject,second_subject\n"
    read = pairs(tmp_path, f"{head}a,b,1,ann,ann\na,c,0,ann,bob\nc,d,0,bob,\n")
    assert [photo.identity for photo in read.photos][:3] == ["ann", "ann", "bob"]
    for rows, message in (
        ("a,b,1,ann,bob\n", "row 1: same is 1, but the subjects differ"),
        ("a,b,0,ann,ann\n", "row 1: same is 0, but other pairs say one person"),
        ("a,b,1,ann,ann\na,c,0,bob,eve\n", "row 2: bob was ann before"),
    ):
        with pytest.raises(BadInputError, match=message):
            pairs(tmp_path, head + rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("first,second\na,b\n", "no column same"),
        ("first,second,same\na,b,maybe\n", "row 1: unknown same 'maybe'"),
        ("first,second,same\na,a,1\n", "row 1: a is compared with itself"),
        ("first,second,same\na,,1\n", "row 1: second is empty"),
        ("first,second,same\na,b,1\nb,c,1\na,c,0\n", "row 3: same is 0, but other pairs say one person"),
        ("first,second,same\n", "has no rows"),
    ],
)
def test_pairs_that_cannot_be_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        pairs(tmp_path, text)


def test_a_list_of_photos(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("file,subject\na.png,ann\nb.png,bob\n")
    assert [(photo.identity, photo.path.name) for photo in photos_of_list(str(tmp_path / "g.csv")).photos] == [
        ("ann", "a.png"), ("bob", "b.png")
    ]  # fmt: skip
    (tmp_path / "g.csv").write_text("file,subject\na.png,ann\na.png,bob\n")
    with pytest.raises(BadInputError, match="row 2: a.png is there twice".replace(".", r"\.")):
        photos_of_list(str(tmp_path / "g.csv"))
