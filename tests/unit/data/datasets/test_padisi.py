"""PADISI-Face: fold 0's counts, trials by the name's field, blue-first color, inverted official labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.captures import capture_set
from facewarden.data.loading import load_batch
from twins import copied, twin

FOLD = {"train": (597, 493, 189), "valid": (145, 127, 52), "test": (363, 304, 119)}
"""Bona fide trials, attacks and people of the official first fold."""


def test_fold_zero_gives_the_published_counts(tmp_path: Path) -> None:
    parts, truth = ["transaction_id,trial_id,trial_name,partition_name"], ["trial_id,ground_truth,participant_id"]
    for split, (bona_fide, attacks, people) in FOLD.items():
        for index in range(bona_fide + attacks):
            trial = f"{split}{index:05d}"
            parts.append(f"x,{trial},name,{split}")
            truth.append(f"{trial},{'m00000' if index < bona_fide else 'm50101'},{split}{index % people}")
            (tmp_path / f"ID_x_{trial}_name.npz").touch()
    (tmp_path / "padisi_USC_FACE_dataset_partition_3folds_part0.csv").write_text("\n".join(parts))
    (tmp_path / "padisi_USC_FACE_ground_truth.csv").write_text("\n".join(truth))
    manifest = capture_set("padisi", tmp_path).manifest()
    assert len(manifest) == 2029
    for split, (bona_fide, attacks, people) in zip(("train", "dev", "test"), FOLD.values(), strict=True):
        part = manifest.where(split=split)  # type: ignore[arg-type]
        assert (part.counts("label"), len(part.subjects)) == ({"0": attacks, "1": bona_fide}, people)


def test_color_is_turned_from_blue_first_and_channels_are_picked() -> None:
    manifest = capture_set("padisi", twin("padisi")).manifest()
    row = manifest.where(label=1).rows[0]
    images = load_batch([row], root=manifest.root).images
    thirds = torch.stack([images["rgb"][0][:, :, i * 10 : (i + 1) * 10].mean(dim=(1, 2)) for i in range(3)])
    assert thirds.argmax(dim=1).tolist() == [0, 1, 2]  # the twin's left third is red
    with np.load(manifest.root / str(row.depth).partition("#")[0]) as held:
        data = held["data"][0]
    assert np.array_equal(images["depth"][0, 0].numpy(), data[4])
    assert np.array_equal(images["infrared"][0, 0].numpy(), data[3])
    assert not np.array_equal(data[3], data[4])


def test_the_official_label_true_means_attack() -> None:
    manifest = capture_set("padisi", twin("padisi")).manifest()
    for row in manifest:
        with np.load(manifest.root / str(row.rgb).partition("#")[0]) as held:
            assert bool(held["label"]) == (row.label == 0)


def test_codes_become_groups_and_only_makeup_is_known() -> None:
    manifest = capture_set("padisi", twin("padisi")).manifest()
    found = {(row.attributes["attack_group"], row.species) for row in manifest}
    assert found == {("bona fide", "bona_fide"), ("code 01", "other"), ("code 06", "makeup"), ("code 09", "other")}


def test_trials_are_found_by_the_field_of_the_name_not_by_any_part_of_it() -> None:
    manifest = capture_set("padisi", twin("padisi")).manifest()
    for row in manifest:  # every name of the twin holds the id of the trial before
        fields = Path(str(row.rgb).partition(".npz")[0]).name.split("_")
        assert row.extra["video"] == f"padisi/{fields[2]}"
    assert len({row.rgb for row in manifest}) == len(manifest)


def test_a_list_with_tabs_resolves_short_names() -> None:
    folder = twin("padisi")
    manifest = capture_set("padisi", folder, lists={"test": folder / "lists" / "test.txt"}).manifest()
    assert b"\t" in (folder / "lists" / "test.txt").read_bytes()
    assert all(str(row.rgb).startswith("data/ID_") for row in manifest)


def test_short_file_names_and_converted_folders_are_taken(tmp_path: Path) -> None:
    folder = copied("padisi", tmp_path)
    files = sorted((folder / "data").glob("*.npz"))
    wanted = len(files)
    files[0].rename(files[0].with_name(f"{files[0].name.split('_')[2]}.npz"))
    trial = files[1].name.split("_")[2]
    (folder / "jpg" / trial).mkdir(parents=True)
    for name in ("color", "depth", "ir"):
        pixels = np.zeros((24, 30, 3) if name == "color" else (24, 30), np.uint8)
        Image.fromarray(pixels).save(folder / "jpg" / trial / f"{name}.jpg")
    files[1].unlink()
    manifest = capture_set("padisi", folder).manifest()
    assert len(manifest) == wanted
    assert manifest.rows[1].infrared == f"jpg/{trial}/ir.jpg"
    load_batch(manifest.rows[:2], root=manifest.root)


def test_trials_that_are_not_there_are_counted(tmp_path: Path) -> None:
    folder = copied("padisi", tmp_path)
    next((folder / "data").glob("ID_a000_t0000x_*.npz")).unlink()
    assert "trials of the partition file that are not there: 1, first t0000x" in (
        capture_set("padisi", folder).manifest().notes
    )


@pytest.mark.parametrize(
    ("pattern", "row"),
    [("*part0.csv", "a000,t0000x,GLASSES,test"), ("*ground_truth.csv", "a000,t0000x,GLASSES,FACE,m50101,p000")],
)
def test_a_trial_of_which_official_files_say_two_things_is_refused(tmp_path: Path, pattern: str, row: str) -> None:
    folder = copied("padisi", tmp_path)
    table = next(folder.glob(pattern))
    table.write_text(table.read_text() + row + "\n")
    with pytest.raises(BadInputError, match=r"trial t0000x .* two"):
        capture_set("padisi", folder).manifest()


@pytest.mark.parametrize(("place", "column"), [(5, "participant_id"), (1, "trial_id")])
def test_a_trial_of_nobody_is_refused_with_file_and_row(tmp_path: Path, place: int, column: str) -> None:
    folder = copied("padisi", tmp_path)
    table = next(folder.glob("*ground_truth.csv"))
    lines = table.read_text().splitlines()
    cells = lines[3].split(",")
    cells[place] = " "
    lines[3] = ",".join(cells)
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInputError, match=rf"ground_truth\.csv: row 3 below the header: no {column}"):
        capture_set("padisi", folder).manifest()
    lines[0] = lines[0].replace("participant_id", "person")
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInputError, match="row 1 below the header: no participant_id"):
        capture_set("padisi", folder).manifest()


def test_without_official_files_nothing_helps(tmp_path: Path) -> None:
    folder = copied("padisi", tmp_path)
    next(folder.glob("*ground_truth.csv")).unlink()
    with pytest.raises(BadInputError, match="no official ground truth file"):
        capture_set("padisi", folder).manifest()
    with pytest.raises(BadInputError, match="no official ground truth file") as error:  # lists do not say who is shown
        capture_set("padisi", folder, lists={"test": folder / "lists" / "test.txt"}).manifest()
    assert "nobody knows who" in error.value.hint
    next(folder.glob("*part0.csv")).unlink()
    with pytest.raises(BadInputError, match="no official partition file") as error:
        capture_set("padisi", folder).manifest()
    assert "3folds_part0" in error.value.hint


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "NaN"), (np.inf, "infinite"), (1.5, "values from"), (-0.1, "values from")]
)
def test_values_that_are_no_image_are_refused(tmp_path: Path, value: float, message: str) -> None:
    folder = copied("padisi", tmp_path)
    manifest = capture_set("padisi", folder).manifest()
    file = folder / str(manifest.rows[0].depth).partition("#")[0]
    with np.load(file) as held:
        data = held["data"].copy()
    data[0, 4, 3, 3] = value
    np.savez(file, data=data)
    with pytest.raises(BadInputError, match=message):
        load_batch(manifest.rows[:1], root=manifest.root)


def test_a_trial_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    folder = copied("padisi", tmp_path)
    file = next((folder / "data").glob("ID_a000_t0000x_*.npz"))
    (folder / "more").mkdir()
    shutil.copy(file, folder / "more" / "t0000x.npz")
    with pytest.raises(BadInputError, match="trial t0000x is there twice"):
        capture_set("padisi", folder).manifest()
