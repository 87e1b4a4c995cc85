from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.manifest import Manifest, check_results_target
from facewarden.data.manifest_columns import USUAL_COLUMNS
from facewarden.data.sample import Sample
from facewarden.data.table import read_table
from facewarden.data.tables.notes import notes_of

LIVE = Sample(
    key="a/1",
    split="train",
    label=1,
    species="bona_fide",
    subject="007",
    domain="alder",
    session="2",
    illumination="back",
    environment="office",
    rgb="images/1.png",
    depth="images/1_d.png",
    infrared="images/1_i.png",
    box=(10.5, 20.25, 100.0, 120.0),
    landmarks=((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.5, 10.5)),
    simulated=True,
    seed=2**62 + 1,
    attributes={"glasses": "yes", "age": "30-45"},
)
PRINT = Sample(
    key="a/2", split="test", label=0, species="print_flat", subject="008", domain="birch", rgb="images/2.png"
)


def edit_csv(tmp_path: Path, change: Callable[[str], str]) -> Path:
    Manifest((LIVE, PRINT), tmp_path, "set").write(tmp_path / "manifest.csv")
    text = (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    assert change(text) != text
    (tmp_path / "manifest.csv").write_text(change(text), encoding="utf-8")
    return tmp_path / "manifest.csv"


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_written_samples_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "set" / f"manifest.{suffix}"
    Manifest((LIVE, PRINT), tmp_path / "set", "set").write(path)
    back = Manifest.read(path)
    assert back.rows == (LIVE, PRINT)
    assert back == Manifest((LIVE, PRINT), tmp_path / "set", "set")
    assert Manifest.read(path.parent) == back  # the folder will do
    assert list(read_table(path)) == [*USUAL_COLUMNS, "attr_glasses", "attr_age"]


def test_columns_of_others_are_kept(tmp_path: Path) -> None:
    sample = replace(PRINT, extra={"operator": "x9"})
    Manifest((LIVE, sample), tmp_path, "set").write(tmp_path / "m.parquet")
    assert Manifest.read(tmp_path / "m.parquet").rows == (LIVE, sample)


def test_a_manifest_written_elsewhere_still_finds_its_images(tmp_path: Path) -> None:
    manifest = Manifest((LIVE,), tmp_path / "set", "set")
    manifest.write(tmp_path / "other" / "deep" / "m.csv")
    read = Manifest.read(tmp_path / "other" / "deep" / "m.csv")
    found = read.path(read.rows[0], "depth")
    assert found is not None
    assert found.resolve() == (tmp_path / "set" / "images" / "1_d.png").resolve()
    assert read.path(replace(LIVE, depth=None), "depth") is None


def test_a_manifest_written_through_a_link_still_finds_its_images(tmp_path: Path) -> None:
    captures, disk = tmp_path / "captures", tmp_path / "disk" / "deep"
    captures.mkdir()
    disk.mkdir(parents=True)
    (tmp_path / "runs").symlink_to(disk, target_is_directory=True)
    held = Manifest((replace(LIVE, rgb="a.png"),), captures, "set")
    (captures / "a.png").write_text("a")
    held.write(tmp_path / "runs" / "manifest.csv")
    read = Manifest.read(tmp_path / "runs" / "manifest.csv")
    assert (read.root / str(read.rows[0].rgb)).read_text() == "a"


def test_where_counts_and_subjects() -> None:
    dev = replace(PRINT, key="a/3", split="dev", subject="001")
    manifest = Manifest((LIVE, PRINT, dev), Path(), "set")
    assert [row.key for row in manifest.where(label=0)] == ["a/2", "a/3"]
    assert [row.key for row in manifest.where(split=("dev", "train"))] == ["a/1", "a/3"]
    assert [row.key for row in manifest.where(species="print_flat", split="dev")] == ["a/3"]
    assert len(manifest.where(domain="cedar")) == 0
    assert manifest.subjects == ("001", "007", "008")
    assert manifest.domains == ("alder", "birch")
    assert manifest.counts("species") == {"bona_fide": 1, "print_flat": 2}
    assert manifest.simulated
    assert not manifest.where(label=0).simulated


def test_a_minimal_manifest_of_a_stranger(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(
        "rgb,key,subject,label,species,split,domain\nx.jpg,k1,s1,1,bona_fide,dev,door\n", encoding="utf-8"
    )
    (sample,) = Manifest.read(tmp_path / "mine.csv").rows
    assert sample == Sample(
        key="k1", split="dev", label=1, species="bona_fide", subject="s1", domain="door", rgb="x.jpg"
    )
    assert sample.modalities == ("rgb",)


def test_missing_columns_are_named_with_a_guess(tmp_path: Path) -> None:
    path = edit_csv(tmp_path, lambda text: text.replace("species", "spceies", 1).replace("subject", "s", 1))
    with pytest.raises(BadInputError) as raised:
        Manifest.read(path)
    message = str(raised.value)
    assert "manifest.csv: no column subject and no species; found: key, domain, s," in message
    assert "is 'spceies' meant to be 'species'?" in message


def test_no_image_column(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("key,subject,label,species,split,domain\n", encoding="utf-8")
    with pytest.raises(BadInputError, match="no column one of rgb, depth, infrared"):
        Manifest.read(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("print_flat", "print_flta", r"row 2: unknown species 'print_flta'; did you mean print_flat"),
        (",test,", ",validation,", r"row 2: unknown split 'validation'"),
        (",1,bona_fide", ",7,bona_fide", r"row 1: unknown label 7"),
        (",1,bona_fide", ",live,bona_fide", r"row 1: unknown label 'live'"),
        (",1,bona_fide", ",,bona_fide", r"row 1: label is empty"),
        (",1,bona_fide", ",0,bona_fide", r"row 1: label 0 contradicts species bona_fide"),
        (",0,print_flat", ",1,print_flat", r"row 2: label 1 contradicts species print_flat"),
        (",back,", ",moon,", r"row 1: unknown illumination 'moon'"),
        ("images/2.png", "", r"row 2: no image is named"),
        ("007", "", r"row 1: subject is empty"),
        ("007", "nan", r"row 1: subject is empty"),
        ("images/2.png", "None", r"row 2: no image is named"),
        ("a/2", "a/1", r"key 'a/1' is in rows 1 and 2"),
        ("10.5,20.25", "10.5,", r"row 1: y0 empty beside x0"),
        ("10.5,20.25", "10.5,x", r"row 1: not numbers"),
        ("10.5,20.25", "10.5,nan", r"row 1: y0 empty beside x0"),
        ("10.5,20.25", "1000,20.25", r"row 1: box"),
        (",9.5,", ",inf,", r"row 1: landmarks"),
        ("True", "perhaps", r"row 1: unknown simulated 'perhaps'"),
        (str(2**62 + 1), "1.5e", r"row 1: unknown seed"),
        (str(2**62 + 1), "1_5", r"row 1: unknown seed '1_5'"),
        ("10.5,20.25", "1_0.5,20.25", r"row 1: not numbers"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = edit_csv(tmp_path, lambda text: text.replace(old, new, 1))
    with pytest.raises(BadInputError, match=reason) as raised:
        Manifest.read(path)
    assert "manifest.csv" in str(raised.value)


def test_no_rows_no_manifest_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("key,subject,label,species,split,domain,rgb\n", encoding="utf-8")
    with pytest.raises(BadInputError, match="no rows"):
        Manifest.read(tmp_path / "m.csv")
    with pytest.raises(BadInputError, match="no manifest in this folder"):
        Manifest.read(tmp_path)
    with pytest.raises(BadInputError, match="no such table"):
        Manifest.read(tmp_path / "absent.csv")


def test_samples_are_frozen_also_in_their_attributes() -> None:
    with pytest.raises(TypeError):
        LIVE.attributes["glasses"] = "no"  # type: ignore[index]


def test_two_thousand_rows(tmp_path: Path) -> None:
    rows = tuple(replace(LIVE, key=str(i)) for i in range(2_000))
    Manifest(rows, tmp_path, "set").write(tmp_path / "m.parquet")
    assert Manifest.read(tmp_path / "m.parquet").rows == rows


@pytest.mark.skipif(os.name != "posix", reason="names that are not UTF-8 exist on POSIX only")
def test_messages_about_files_whose_names_are_not_utf8_can_be_printed(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"m\xff.csv")
    for content in (b"", b"key\n1\n", b"\xff"):
        path.write_bytes(content)
        with pytest.raises(BadInputError) as raised:
            Manifest.read(path)
        assert "m\\xff.csv" in str(raised.value).encode("utf-8").decode("utf-8")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_notes_are_kept_beside_the_table_and_leave_with_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"manifest.{suffix}"
    noted = Manifest((LIVE, PRINT), tmp_path, tmp_path.name, notes=("trials: 1 absent", "naïve → so"))
    noted.write(path)
    assert Manifest.read(path) == noted
    assert Manifest.read(tmp_path).notes == noted.notes
    assert list(read_table(path)) == [*USUAL_COLUMNS, "attr_glasses", "attr_age"], "the table itself is as before"
    notes_of(path).unlink()
    assert Manifest.read(path).notes == (), "a manifest without its notes is still one"
    noted.write(path)
    replace(noted, notes=()).write(path)
    assert Manifest.read(path).notes == (), "notes of an earlier manifest of this name are gone"


@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "[[]]"])
def test_notes_that_are_none_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.csv"
    Manifest((LIVE, PRINT), tmp_path, "set").write(path)
    notes_of(path).write_text(text)
    with pytest.raises(BadInputError, match=r"manifest\.csv\.notes\.json: not "):
        Manifest.read(path)


def test_manifests_in_one_folder_are_named_by_their_files(tmp_path: Path) -> None:
    for name in ("wmca", "padisi"):
        Manifest((replace(LIVE, domain=name), replace(PRINT, domain=name)), tmp_path, name).write(
            tmp_path / f"{name}.csv"
        )
    sets = [Manifest.read(tmp_path / f"{name}.csv") for name in ("wmca", "padisi")]
    assert [one.name for one in sets] == ["wmca", "padisi"]
    joined = Manifest.joined(sets, name="captures")
    assert {row.key.split("/")[0] for row in joined} == {"wmca", "padisi"}, "equal keys are told apart"
    Manifest((LIVE,), tmp_path, "x").write(tmp_path / "set" / "manifest.csv")
    assert Manifest.read(tmp_path / "set").name == "set"


def test_names_that_look_alike_are_one(tmp_path: Path) -> None:
    path = edit_csv(tmp_path, lambda text: text.replace("008", "007\u200b ").replace("birch", "Bi\u0301rch "))
    back = Manifest.read(path)
    assert back.subjects == ("007",)
    assert back.rows[1].domain == "B\u00edrch"
    back.write(tmp_path / "again.csv")
    assert Manifest.read(tmp_path / "again.csv").rows == back.rows


@pytest.mark.parametrize("other", ["./images/1.png", "images//1.png", "images/x/../1.png"])
def test_one_picture_under_two_spellings_of_its_path_has_one_label(tmp_path: Path, other: str) -> None:
    path = edit_csv(tmp_path, lambda text: text.replace("images/2.png", other))
    with pytest.raises(BadInputError, match="has label 1 in row 1 and label 0 in row 2"):
        Manifest.read(path)


def test_a_depth_image_of_two_labels_is_refused_beside_color_of_its_own(tmp_path: Path) -> None:
    path = edit_csv(tmp_path, lambda text: text.replace("images/2.png,", "images/2.png,images/1_d.png"))
    with pytest.raises(BadInputError, match=r"images/1_d\.png has label 1 in row 1 and label 0 in row 2"):
        Manifest.read(path)


def test_subjects_of_one_name_in_two_sets_stay_one_person_and_are_said(tmp_path: Path) -> None:
    first = Manifest((LIVE, PRINT), tmp_path / "a", "first")
    second = Manifest((replace(PRINT, key="b/1", subject="007"),), tmp_path / "b", "second")
    joined = Manifest.joined([first, second], name="both")
    (note,) = joined.notes
    assert note.startswith("1 subjects are named in several sets and count as one person each: 007;")
    other = Manifest((replace(PRINT, key="b/1", subject="009"),), tmp_path / "b", "second")
    assert Manifest.joined([first, other], name="both").notes == ()


def test_exact_maps_move_with_the_captures(tmp_path: Path) -> None:
    maps = {"truedepth": "captures/1_truedepth.png", "reflection": "/elsewhere/1_reflection.png", "note": "captures/x"}
    first = Manifest((replace(LIVE, extra=maps),), tmp_path / "a", "first")
    second = Manifest((replace(PRINT, key="b/1"),), tmp_path / "b", "second")
    moved = Manifest.joined([first, second], name="both").rows[0]
    assert moved.extra["truedepth"] == "a/captures/1_truedepth.png"
    assert moved.extra["reflection"] == "/elsewhere/1_reflection.png"
    assert moved.extra["note"] == "captures/x", "no file of the simulator"
    assert moved.rgb is not None
    assert moved.rgb.startswith("a/")
    first.write(tmp_path / "other" / "manifest.csv")
    again = Manifest.read(tmp_path / "other" / "manifest.csv").rows[0]
    assert (tmp_path / "other" / again.extra["truedepth"]).resolve() == tmp_path / "a/captures/1_truedepth.png"


@pytest.mark.parametrize(
    ("what", "value"), [("split", "test"), ("subject", "009")], ids=["in two splits", "of two people"]
)
def test_a_face_is_in_one_split_and_of_one_person(tmp_path: Path, what: str, value: str) -> None:
    again = replace(LIVE, key="b", **{what: value})
    Manifest((LIVE, again), tmp_path, "set").write(tmp_path / "manifest.csv")
    with pytest.raises(BadInputError, match=rf"images/1\.png has {what} \w+ in row 1 and {what} {value} in row 2"):
        Manifest.read(tmp_path)
    other_face = replace(again, box=(100.5, 20.25, 190.0, 120.0))
    Manifest((LIVE, other_face), tmp_path, "set").write(tmp_path / "manifest.csv")
    assert len(Manifest.read(tmp_path)) == 2


def faces(tmp_path: Path, points: Sequence[tuple[float, float]], *, count: int = 4) -> Path:
    rows = [replace(LIVE, key=str(n), rgb=f"{n}.png", depth=None, infrared=None, landmarks=tuple(points))
            for n in range(count)]  # fmt: skip
    Manifest(tuple(rows), tmp_path, "set").write(tmp_path / "manifest.csv")
    return tmp_path


UPRIGHT = [(40.0, 50.0), (60.0, 50.0), (50.0, 60.0), (42.0, 70.0), (58.0, 70.0)]


def test_landmarks_named_from_the_side_of_the_person_are_refused(tmp_path: Path) -> None:
    left, right, nose, one, two = UPRIGHT
    with pytest.raises(BadInputError, match="landmarks of 4 of 4 faces are mirrored"):
        Manifest.read(faces(tmp_path, [right, left, nose, two, one]))
    for turned in (UPRIGHT, [(-y, x) for x, y in UPRIGHT], [(-x, -y) for x, y in UPRIGHT]):
        assert len(Manifest.read(faces(tmp_path, turned))) == 4
    assert len(Manifest.read(faces(tmp_path, [right, left, nose, two, one], count=3))) == 3


def test_landmarks_outside_of_their_box_are_told(tmp_path: Path) -> None:
    inside, outside = UPRIGHT, [(x + 500, y) for x, y in UPRIGHT]
    for points, told in ((inside, False), (outside, True)):
        path = faces(tmp_path, points)
        rows = [replace(row, box=(30.0, 40.0, 70.0, 80.0)) for row in Manifest.read(path)]
        Manifest(tuple(rows), root=tmp_path, name="faces").write(tmp_path / "boxes.csv")
        read = Manifest.read(tmp_path / "boxes.csv")
        assert any("landmarks are not in their box" in note for note in read.notes) == told
    assert read.notes[0].startswith("faces whose landmarks are not in their box: 4 of 4; are x0 to y1")


def test_people_whose_names_are_probably_one_are_noted_once(tmp_path: Path) -> None:
    path = edit_csv(tmp_path, lambda text: text.replace("008", "7"))
    note = "People that differ in letter case or leading zeros alone count as different: 007, 7"
    assert Manifest.read(path).notes == (note,)
    Manifest.read(path).write(path)
    assert Manifest.read(path).notes == (note,)


def test_columns_are_read_in_any_letter_case(tmp_path: Path) -> None:
    path = edit_csv(tmp_path, lambda text: text.replace(text.partition("\n")[0], text.partition("\n")[0].title(), 1))
    assert {"Key", "Simulated", "Depth_Encoding", "Attr_Glasses"} <= set(read_table(path))
    assert Manifest.read(path).rows == (LIVE, PRINT)
    with pytest.raises(BadInputError, match="is a manifest, which results would replace"):
        check_results_target(path)
    twice = edit_csv(tmp_path, lambda text: text.replace("seed", "RGB", 1).replace("rgb", "Rgb", 1))
    with pytest.raises(BadInputError, match="columns Rgb and RGB are both read as rgb"):
        Manifest.read(twice)


@pytest.mark.parametrize(
    ("typed", "meant"), [("depht_unit", "depth_unit"), ("Infrared_bit", "infrared_bits"), ("dept", "depth")]
)
def test_a_column_with_nearly_the_name_of_an_absent_one_is_told(tmp_path: Path, typed: str, meant: str) -> None:
    text = "key,domain,subject,label,species,split,rgb,camera,{}\na,d,s,1,bona_fide,dev,a.png,speed,8\n"
    (tmp_path / "own.csv").write_text(text.format(typed), encoding="utf-8")
    assert Manifest.read(tmp_path / "own.csv").notes == (f"column {typed} is not read; if {meant} is meant, rename it",)
    (tmp_path / "own.csv").write_text(text.format(meant), encoding="utf-8")
    assert Manifest.read(tmp_path / "own.csv").notes == ()
