"""Folders of photos as captures: layouts, species, subjects, mapping, and one split by subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ALL_SPECIES
from facewarden.data.captures import open_captures
from facewarden.data.own.folders import FolderCaptures, OwnFolders, captures_of_folders
from facewarden.data.own.mapping import FolderRow, read_mapping, write_mapping
from facewarden.data.own.templates import TEMPLATES, template_page, write_template
from facewarden.data.table import read_table, write_table


def put(folder: Path, names: Sequence[str]) -> Path:
    """Photos of different bytes."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 8), (number % 256, number // 256, 7)).save(path)
    return folder


def read(folder: Path, **given: Any) -> FolderCaptures:
    return captures_of_folders(OwnFolders(**({"root": folder} | given)))


def understood(found: FolderCaptures) -> dict[str, str]:
    return {row.folder: row.species for row in found.folders}


def photos(places: Sequence[str], count: int = 4) -> list[str]:
    return [f"{place}/{number}.png" for place in places for number in range(count)]


@pytest.mark.parametrize(
    ("places", "species"),
    [
        (("live", "spoof"), {"live": "bona_fide", "spoof": "other"}),
        (("Real_Faces", "Fake_Faces"), {"Real_Faces": "bona_fide", "Fake_Faces": "other"}),
        (("ClientRaw", "ImposterRaw"), {"ClientRaw": "bona_fide", "ImposterRaw": "other"}),
        (("0", "1"), {"0": "other", "1": "bona_fide"}),
        (("genuine", "print", "iPad replay"),
         {"genuine": "bona_fide", "print": "print", "iPad replay": "replay_tablet"}),
        (("live", "attack/resin bust", "attack/photo"),
         {"live": "bona_fide", "attack/resin bust": "other_resin_bust", "attack/photo": "print"}),
    ],
)  # fmt: skip
def test_public_layouts_are_recognized_and_said(tmp_path: Path, places: Sequence[str], species: dict[str, str]) -> None:
    found = read(put(tmp_path, photos(places)))
    assert understood(found) == species
    assert any(note.startswith("layout recognized by the names of folders") for note in found.manifest.notes)
    assert any("count as a person each" in note for note in found.manifest.notes)
    assert {row.label for row in found.manifest.where(split="dev")} == {0, 1}
    assert any("folders 0 and 1: 1 is taken as bona fide" in note for note in found.manifest.notes) == (
        places == ("0", "1")
    )


LCC = ("LCC_FASD_training", "LCC_FASD_development", "LCC_FASD_evaluation")


@pytest.mark.parametrize("splits", [("train", "dev", "test"), LCC])
def test_splits_of_folders_are_used_where_nobody_is_in_two(tmp_path: Path, splits: Sequence[str]) -> None:
    found = read(put(tmp_path, photos([f"{split}/{kind}" for split in splits for kind in ("real", "spoof")])))
    assert found.manifest.counts("split") == {"dev": 8, "test": 8, "train": 8}
    assert all(row.key.startswith(splits[1]) for row in found.manifest.where(split="dev"))
    people = [f"{split}/{kind}/{who}" for split in splits for kind in ("real", "spoof") for who in "abc"]
    leaking = read(put(tmp_path / "leak", photos(people)))
    split_of = {row.subject: row.split for row in leaking.manifest}
    assert all(split_of[row.subject] == row.split for row in leaking.manifest)
    assert any("somebody is in two splits" in note for note in leaking.manifest.notes)


def test_train_of_folders_stays_and_dev_and_test_are_drawn_out_of_the_rest(tmp_path: Path) -> None:
    found = read(
        put(tmp_path, photos([f"{split}/{kind}" for split in ("train", "test") for kind in ("live", "spoof")]))
    )
    assert all((row.split == "train") == row.key.startswith("train/") for row in found.manifest)
    assert found.manifest.counts("split") == {"dev": 4, "test": 4, "train": 8}


PEOPLE = [f"{kind}/{who}" for kind in ("live", "spoof/print", "spoof/phone") for who in ("ann", "bob", "cid", "dan")]


def test_people_are_folders_and_are_in_one_split_with_every_species(tmp_path: Path) -> None:
    found = read(put(tmp_path, photos(PEOPLE, 2)))
    assert found.manifest.subjects == ("ann", "bob", "cid", "dan")
    assert understood(found) == {"live": "bona_fide", "spoof/phone": "replay_phone", "spoof/print": "print"}
    dev, test = (found.manifest.where(split=split) for split in ("dev", "test"))
    assert set(dev.subjects).isdisjoint(test.subjects)
    for part in (dev, test):
        assert set(part.counts("species")) == {"bona_fide", "print", "replay_phone"}
    assert read(tmp_path).manifest.rows == found.manifest.rows
    assert {row.subject: row.split for row in read(tmp_path, seed=4).manifest} != {
        row.subject: row.split for row in found.manifest
    } or read(tmp_path, seed=5).manifest.rows != found.manifest.rows


def test_subjects_by_level_pattern_and_table(tmp_path: Path) -> None:
    put(
        tmp_path / "set",
        [f"{kind}/{who}/day1/{who}-{n}.png" for kind in ("live", "spoof") for who in "abc" for n in "12"],
    )
    for rule in ("level:2", "level:-2", r"pattern:/(\w)-", r"pattern:/(?P<subject>[abc])/"):
        assert read(tmp_path / "set", subject=rule).manifest.subjects == ("a", "b", "c"), rule
    files = [path.relative_to(tmp_path / "set").as_posix() for path in sorted((tmp_path / "set").rglob("*.png"))]
    write_table(tmp_path / "who.csv", {"file": files, "subject": [f"s{name[-7]}" for name in files],
                                       "attr_sex": ["f" if "/a/" in name else "m" for name in files]})  # fmt: skip
    told = read(tmp_path / "set", subject=f"table:{tmp_path / 'who.csv'}").manifest
    assert told.subjects == ("sa", "sb", "sc")
    assert {row.subject: row.attributes["sex"] for row in told} == {"sa": "f", "sb": "m", "sc": "m"}
    assert len(read(tmp_path / "set", subject="photo").manifest.subjects) == 12
    with pytest.raises(BadInputError, match="names no subject for 12 of 12 photos, first"):
        read(tmp_path / "set", subject="pattern:zzz(.)")
    for wrong in ("level:0", "pattern:(", "folder", f"table:{tmp_path / 'who.txt'}"):
        with pytest.raises(BadInputError):
            read(tmp_path / "set", subject=wrong)


def test_folders_of_any_name_are_of_the_class_they_are_given_as(tmp_path: Path) -> None:
    put(tmp_path, photos(("ok", "prints", "cheap_dolls")))
    found = captures_of_folders(
        OwnFolders(bona_fide=(tmp_path / "ok",), attacks=(tmp_path / "prints", tmp_path / "cheap_dolls"))
    )
    assert understood(found) == {"cheap_dolls": "other_cheap_dolls", "ok": "bona_fide", "prints": "print"}
    assert found.manifest.root == tmp_path
    assert found.manifest.counts("species") == {"bona_fide": 4, "other_cheap_dolls": 4, "print": 4}
    with pytest.raises(BadInputError, match="no folder for --attacks"):
        captures_of_folders(OwnFolders(bona_fide=(tmp_path / "ok",)))
    alone = captures_of_folders(OwnFolders(bona_fide=(tmp_path / "ok",), split=False))
    assert {row.split for row in alone.manifest} == {"test"}
    with pytest.raises(BadInputError, match="lies in"):
        captures_of_folders(OwnFolders(bona_fide=(tmp_path,), attacks=(tmp_path / "prints",)))


def test_a_mapping_that_was_edited_decides(tmp_path: Path) -> None:
    put(tmp_path / "set", photos(("0", "1", "2")))
    with pytest.raises(BadInputError, match="no folder says whether it is bona fide") as error:
        read(tmp_path / "set")
    assert "mapping file" in error.value.hint
    put(tmp_path / "two", photos(("0", "1")))
    file = write_mapping(tmp_path / "map.csv", read(tmp_path / "two").folders)
    assert read_mapping(file) == {row.folder: FolderRow(row.folder, row.label, row.species) for row in
                                  read(tmp_path / "two").folders}  # fmt: skip
    text = file.read_text()
    file.write_text(text.replace("0,0,other", "0,1,bona_fide").replace("1,1,bona_fide,4,4\n", "1,0,mask_rigid,4,4\n"))
    assert understood(read(tmp_path / "two", mapping=file)) == {"0": "bona_fide", "1": "mask_rigid"}
    file.write_text("folder,label,species\n0,1,\n1,skip,\n")
    with pytest.raises(BadInputError, match="has no attack presentations"):
        read(tmp_path / "two", mapping=file)
    for wrong, message in (
        ("folder,label,species\n0,2,\n", "row 1: unknown label '2'"),
        ("folder,label,species\n0,0,mask_ridgid\n", "did you mean mask_rigid"),
        ("folder,label,species\n9,0,print\n", "no photos in folder 9"),
        ("folder,label,species\n0,1,\n0,1,\n", "0 is there twice"),
        ("folder,label\n0,1\n", "no column species"),
    ):
        file.write_text(wrong)
        with pytest.raises(BadInputError, match=message):
            read(tmp_path / "two", mapping=file)


def test_the_same_bytes_count_once_and_are_refused_in_two_classes(tmp_path: Path) -> None:
    put(tmp_path, photos(("live", "spoof")))
    (tmp_path / "live" / "again.png").write_bytes((tmp_path / "live" / "0.png").read_bytes())
    found = read(tmp_path)
    assert len(found.manifest) == 8
    assert "1 photos repeat another one byte for byte and are left out" in found.manifest.notes
    (tmp_path / "spoof" / "again.png").write_bytes((tmp_path / "live" / "1.png").read_bytes())
    with pytest.raises(BadInputError, match="are the same photo, bona fide and an attack"):
        read(tmp_path)


def test_a_manifest_of_folders_can_be_read_again(tmp_path: Path) -> None:
    found = read(put(tmp_path / "set", photos(PEOPLE)))
    (tmp_path / "runs").mkdir()
    found.manifest.write(tmp_path / "runs" / "own.csv")
    again = open_captures(tmp_path / "runs" / "own.csv")
    assert [row.key for row in again] == [row.key for row in found.manifest]
    assert all(again.path(row, "rgb").is_file() for row in again)  # type: ignore[union-attr]
    assert set(found.manifest.notes) <= set(again.notes)


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_a_template_has_a_header_and_a_row_that_is_a_comment(tmp_path: Path, kind: str) -> None:
    path = write_template(kind, tmp_path / f"{kind}.csv")
    header, example = path.read_text().splitlines()
    assert header.split(",") == list(TEMPLATES[kind])
    assert example.startswith("# ")
    assert read_table(path) == {name: [] for name in TEMPLATES[kind]}
    with pytest.raises(BadInputError, match="is there already"):
        write_template(kind, path)


def test_a_key_that_looks_like_a_comment_survives_a_csv(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"key": ["# 1.png", "#2.png", "'# 3"], "n": [1, 2, 3]})
    assert read_table(tmp_path / "t.csv")["key"] == ["# 1.png", "#2.png", "'# 3"]


PAGE = Path(__file__).parents[4] / "docs" / "own-data.md"


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_the_page_explains_every_column(kind: str) -> None:
    assert f"<!-- template {kind} -->\n{template_page(kind)}\n" in PAGE.read_text(encoding="utf-8")


def test_the_page_names_every_species() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in ALL_SPECIES if name != "bona_fide" and f"`{name}`" not in text] == []


def test_folders_of_visits_that_are_taken_for_people_are_told(tmp_path: Path) -> None:
    people = ("ann", "bob", "cid", "dan")
    visits = [f"{kind}/day{day}/{name}/1.png" for kind in ("live", "spoof") for day in (1, 2) for name in people]
    found = read(put(tmp_path / "a", visits))
    assert found.manifest.subjects == ("day1", "day2")
    assert any("day1, day2, … are taken for people" in note and "level:-1" in note for note in found.manifest.notes)
    assert read(tmp_path / "a", subject="level:-1").manifest.subjects == people
    sessions = [f"{kind}/{name}/day{day}/1.png" for kind in ("live", "spoof") for day in (1, 2) for name in people]
    assert not any("level:-1" in note for note in read(put(tmp_path / "b", sessions)).manifest.notes)


def test_people_whose_folders_differ_in_case_are_told(tmp_path: Path) -> None:
    found = read(
        put(tmp_path, [f"live/{n}/1.png" for n in ("ann", "bob")] + [f"spoof/{n}/1.png" for n in ("Ann", "bob", "c")])
    )
    assert any("count as different: Ann, ann" in note for note in found.manifest.notes)
