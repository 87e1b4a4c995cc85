"""WMCA: the rule's counts, groups by (type, PAI), frames that are numbered apart, HDF5 channels by their number."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.data.captures import capture_set
from facewarden.data.datasets.parts.clips import picture_names
from facewarden.data.datasets.wmca import GROUP_OF, Wmca
from facewarden.data.loading import load_batch
from twins import copied, twin

VIDEOS = {"train": (124, 441), "dev": (108, 449), "eval": (115, 442)}
"""Bona fide and attack videos of grandtest: a third of 372 and 1,323, of 324 and 1,347, of 345 and 1,326 rows."""
NAMES = {name: [f"{number:04d}.jpg" for number in (4, 12, 24, 36, 48)] for name in ("rgb", "depth", "infrared")}


def test_the_rule_gives_the_published_counts(tmp_path: Path) -> None:
    rows, videos = ["video;group"], []
    for number, (split, (bona_fide, attacks)) in enumerate(VIDEOS.items()):
        for index in range(bona_fide + attacks):
            kind = "0_01" if index < bona_fide else "3_02"
            videos.append(f"{number}{index:03d}_01_015_{kind}")
            rows.append(f"{videos[-1]};{split}")
    table = tmp_path / "grandtest.csv"
    table.write_text("\n".join(rows))
    made = capture_set("wmca", twin("wmca"), protocol=table)
    assert isinstance(made, Wmca)
    frames = list(made.select((("R_CDIT", video), NAMES) for video in videos))  # type: ignore[misc]
    counts = Counter((frame.split, frame.label) for frame in frames)
    assert counts == {
        ("train", 1): 372, ("train", 0): 1323, ("dev", 1): 324, ("dev", 0): 1347, ("test", 1): 345, ("test", 0): 1326,
    }  # fmt: skip
    assert {frame.number for frame in frames} == {"0012", "0024", "0036"}


def test_videos_that_the_official_file_does_not_name_are_left_out(tmp_path: Path) -> None:
    folder = copied("wmca", tmp_path)
    table = folder / "PROTOCOL-grandtest.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:-1], "face-station/01.02.18/999_01_015_0_01.hdf5,999,train"]))
    manifest = capture_set("wmca", folder).manifest()
    assert len({row.extra["video"] for row in manifest}) == len(lines) - 2
    assert any("not there: 1 of" in note and "999_01_015_0_01" in note for note in manifest.notes)


def test_without_the_official_file_nothing_is_guessed(tmp_path: Path) -> None:
    folder = copied("wmca", tmp_path)
    (folder / "PROTOCOL-grandtest.csv").unlink()
    (folder / "archives" / "PROTOCOL-grandtest.csv").unlink()
    with pytest.raises(BadInputError, match="no official grandtest file") as error:
        capture_set("wmca", folder).manifest()
    assert "data import wmca:PATH takes --protocol FILE" in error.value.hint


@pytest.mark.parametrize(
    ("code", "group", "species"),
    [
        ("0_00", "bona fide", "bona_fide"), ("0_02", "bona fide", "bona_fide"), ("1_01", "glasses", "partial_glasses"),
        ("1_02", "rigid mask", "mask_rigid"), ("1_16", "glasses", "partial_glasses"),
        ("2_07", "fake head", "fake_head"), ("2_08", "paper mask", "mask_paper"), ("2_12", "rigid mask", "mask_rigid"),
        ("2_18", "flexible mask", "mask_silicone"), ("2_99", "flexible mask", "mask_silicone"),
        ("3_04", "print", "print_flat"), ("3_05", "replay", "replay"), ("4_18", "replay", "replay"),
    ],
)  # fmt: skip
def test_type_and_instrument_tell_the_group(code: str, group: str, species: str) -> None:
    clip = capture_set("wmca", twin("wmca")).clip_of(("R_CDIT", f"100_03_015_{code}"))  # type: ignore[attr-defined]
    assert (clip.group, clip.species, clip.label) == (group, species, int(code[0] == "0"))


def test_instruments_are_counted_as_published() -> None:
    assert Counter(group for group, _ in GROUP_OF.values()) == {
        "bona fide": 3, "glasses": 7, "rigid mask": 9, "fake head": 7, "paper mask": 4, "flexible mask": 26,
        "print": 12, "replay": 21,
    }  # fmt: skip


def test_every_group_is_in_the_twin_and_paper_masks_are_not_in_train() -> None:
    manifest = capture_set("wmca", twin("wmca")).manifest()
    groups = {row.attributes["attack_group"] for row in manifest}
    assert groups == {group for group, _ in GROUP_OF.values()}
    assert "paper mask" not in {row.attributes["attack_group"] for row in manifest.where(split="train")}
    codes = [{row.attributes["pai"] for row in manifest.where(split=split)} for split in ("train", "dev", "test")]
    assert sum(map(len, codes)) == len(set.union(*codes))


@pytest.mark.parametrize("code", ["1_03", "2_19", "3_16", "5_01"])
def test_an_unknown_instrument_is_refused(code: str) -> None:
    with pytest.raises(BadInputError, match=f"100_03_015_{code}"):
        capture_set("wmca", twin("wmca")).clip_of(("R_CDIT", f"100_03_015_{code}"))  # type: ignore[attr-defined]


def test_frames_that_color_and_depth_number_apart_are_never_paired() -> None:
    manifest = capture_set("wmca", twin("wmca")).manifest()
    assert "frame numbers that some modality of their clip lacks, not used: 2" in manifest.notes
    for row in manifest:
        assert len({str(path).rpartition("/")[2] for path in (row.rgb, row.depth, row.infrared)}) == 1
    odd = [row for row in manifest if row.extra["video"] == "wmca/100_01_015_0_00"]
    assert [row.extra["frame"] for row in odd] == ["0024", "0036", "0036"]


def test_the_nearest_frames_stand_in_for_nominal_ones() -> None:
    made = capture_set("wmca", twin("wmca"))
    assert isinstance(made, Wmca)
    assert made.choose(["0002", "0013", "0020", "0025", "0037", "0049"], 3) == ["0013", "0025", "0037"]
    assert made.choose([f"Frame_{i}" for i in range(50)], 3) == ["Frame_12", "Frame_24", "Frame_36"]
    assert made.choose([f"Frame_{i}" for i in range(20)], 3) == ["Frame_3", "Frame_10", "Frame_16"]


def test_archives_and_frames_show_the_same() -> None:
    frames = capture_set("wmca", twin("wmca")).manifest()
    archives = capture_set("wmca", twin("wmca") / "archives").manifest()
    assert {row.extra["video"] for row in archives} == {row.extra["video"] for row in frames}
    assert archives.counts("split") == frames.counts("split")
    last = [row for row in frames if row.extra["video"].endswith("_0_02")][-1]  # frame 36, the archive's third
    same = [row for row in archives if row.extra["video"] == last.extra["video"]][-1]
    one, other = load_batch([last], root=frames.root), load_batch([same], root=archives.root)
    for name in ("rgb", "depth", "infrared"):  # JPEG loses a little, a wrong channel a lot
        assert float((one.images[name] - other.images[name]).abs().mean()) < 0.08, name
    assert float((other.images["depth"] - other.images["infrared"]).abs().mean()) > 0.15


def test_color_of_the_archive_is_red_first() -> None:
    archives = capture_set("wmca", twin("wmca") / "archives").manifest()
    rgb = load_batch(archives.rows[:1], root=archives.root).images["rgb"][0]
    thirds = torch.stack([rgb[:, :, i * 10 : (i + 1) * 10].mean(dim=(1, 2)) for i in range(3)])
    assert thirds.argmax(dim=1).tolist() == [0, 1, 2]


def test_archives_are_told_apart_by_channels_not_by_name(tmp_path: Path) -> None:
    folder = copied("wmca", tmp_path) / "archives"
    (folder / "RGB").rename(folder / "zz")
    (folder / "CDIT").rename(folder / "aa")
    rows = capture_set("wmca", folder).manifest().rows
    assert all(str(row.rgb).startswith("zz/") and str(row.depth).startswith("aa/") for row in rows)


def test_a_missing_archive_is_a_missing_modality(tmp_path: Path) -> None:
    folder = copied("wmca", tmp_path) / "archives"
    (folder / "RGB").rename(tmp_path / "elsewhere")
    with pytest.raises(BadInputError, match=r"lack a modality: .*\(rgb\)"):
        capture_set("wmca", folder).manifest()


def test_raw_sixteen_bit_depth_is_refused(tmp_path: Path) -> None:
    import h5py

    folder = copied("wmca", tmp_path) / "archives"
    manifest = capture_set("wmca", folder).manifest()
    file = folder / str(manifest.rows[0].depth).partition("#")[0]
    with h5py.File(file, "r+") as held:
        for name in list(held):
            del held[name]["array"]
            held.create_dataset(f"{name}/array", data=np.full((4, 24, 30), 700, np.uint16))
    with pytest.raises(BadInputError, match="uint16 values up to 700") as error:
        load_batch(manifest.rows[:1], root=manifest.root)
    assert "raw sensor data" in error.value.hint


def test_lists_of_frames_are_refused_for_archives() -> None:
    folder = twin("wmca")
    with pytest.raises(BadInputError, match="holds archives"):
        capture_set("wmca", folder / "archives", lists={"test": folder / "lists" / "test.txt"}).manifest()


def test_a_video_in_two_splits_of_the_official_file_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "grandtest.csv"
    table.write_text("video,group\n100_01_015_0_00,train\n100_01_015_0_00,eval\n")
    with pytest.raises(BadInputError, match="is in train and test"):
        capture_set("wmca", twin("wmca"), protocol=table).manifest()


def test_a_clip_whose_sensors_share_no_frame_is_told() -> None:
    made = capture_set("wmca", twin("wmca"))
    clip = next(parts for parts, _ in made._listing() if made.clip_of(parts).split)  # type: ignore[attr-defined]
    apart = {"rgb": ["0001.jpg"], "depth": ["0002.jpg"], "infrared": ["0001.jpg"]}
    assert list(made.select([(clip, apart)])) == []  # type: ignore[attr-defined]
    told = f"clips without a frame that all their sensors have, not used: 1, first {'/'.join(clip)}"
    assert told in made._notes


def test_of_two_files_of_one_number_the_first_by_name_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["0001.png", "0001.jpg", "0002.jpg", ".0003.jpg", "notes.txt"]
    monkeypatch.setattr(Path, "is_dir", lambda self: True)
    for order in (names, names[::-1]):
        monkeypatch.setattr(Path, "iterdir", lambda self, order=order: iter([tmp_path / name for name in order]))
        assert {name.partition(".")[0]: name for name in picture_names(tmp_path)} == {
            "0001": "0001.jpg",
            "0002": "0002.jpg",
        }


def test_a_list_that_pairs_frames_of_different_numbers_is_read_and_says_so(tmp_path: Path) -> None:
    folder = copied("wmca", tmp_path)
    (odd,) = {path.parent.parent for path in (folder / "WMCA-Image" / "R_CDIT").glob("*/depth/0013.jpg")}
    label = int(odd.name.split("_")[3] == "0")
    row = " ".join(f"R_CDIT/{odd.name}/{inner}" for inner in ("color/0012.jpg", "depth/0013.jpg", "ir/0013.jpg"))
    straight = " ".join(f"R_CDIT/{odd.name}/{inner}/0024.jpg" for inner in ("color", "depth", "ir"))
    sentence = "some rows of the lists pair frames of different numbers"
    for name, rows, told in (("paired", [straight], False), ("apart", [straight, row], True)):
        listed = tmp_path / f"{name}.txt"
        listed.write_text("".join(f"{one} {label}\n" for one in rows))
        manifest = capture_set("wmca", folder, lists={"train": listed}).manifest()
        assert len(manifest) == len(rows)
        assert (sentence in manifest.notes) is told
