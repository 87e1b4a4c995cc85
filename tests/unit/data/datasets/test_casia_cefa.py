"""CeFA: the rule's counts on the full set's names, color in `profile`, no EA, masks in test, the shared frame."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.captures import capture_set
from facewarden.data.datasets.casia_cefa import CasiaCefa
from facewarden.data.photo import read_photo
from twins import copied, twin

NAMES = [f"{number:04d}.jpg" for number in (6, 16, 26, 36, 46)]
MASK_CLIPS = 100


def full_set() -> Iterator[tuple[tuple[str, ...], dict[str, list[str]]]]:
    names = {"rgb": NAMES, "depth": NAMES, "infrared": NAMES}
    for number, race in enumerate(("AF", "CA", "EA"), start=1):
        for subject in range(500):
            for code in ("1_1_1", "3_1_2", "3_1_4", "3_2_2"):
                who = f"{race}-{subject:03d}"
                yield ("CeFA-Race", race, who, f"{number}_{subject:03d}_{code}"), names
    for clip in range(MASK_CLIPS):
        yield ("CeFA-Mask", "3D-Mask", f"{clip:03d}", f"1_{clip:03d}_1_1_2_1_3"), names


def reader() -> CasiaCefa:
    made = capture_set("casia_cefa", twin("casia_cefa"))
    assert isinstance(made, CasiaCefa)
    return made


def test_the_rule_gives_the_published_counts_apart_from_masks_and_the_stray_frame() -> None:
    frames = list(reader().select(full_set()))  # type: ignore[arg-type]
    counts = Counter((frame.split, frame.label) for frame in frames if not frame.group.endswith("Mask"))
    assert counts == {
        ("train", 1): 1200, ("train", 0): 3600, ("dev", 1): 600, ("dev", 0): 1800, ("test", 1): 1200, ("test", 0): 3600,
    }  # fmt: skip
    masks = [frame for frame in frames if frame.group.endswith("Mask")]
    assert len(masks) == MASK_CLIPS
    assert {(frame.split, frame.label) for frame in masks} == {("test", 0)}


def test_color_comes_from_the_folder_profile() -> None:
    manifest = reader().manifest()
    assert all("/profile/" in str(row.rgb) and "/depth/" in str(row.depth) for row in manifest)
    row = manifest.rows[0]
    color, infrared = (read_photo(manifest.root / str(path)) for path in (row.rgb, row.infrared))
    assert float(np.ptp(color, axis=2).mean()) > 60  # the twin's color is colored, its infrared is not
    assert float(np.ptp(infrared, axis=2).mean()) < 2


def test_a_copy_whose_color_folder_is_called_color_is_refused_not_guessed(tmp_path: Path) -> None:
    folder = copied("casia_cefa", tmp_path)
    for path in sorted(folder.rglob("profile")):
        path.rename(path.with_name("color"))
    with pytest.raises(BadInputError, match=r"lack a modality: .*\(rgb\)"):
        capture_set("casia_cefa", folder).manifest()


def test_the_third_ethnicity_is_left_out_of_rule_and_lists(tmp_path: Path) -> None:
    assert (twin("casia_cefa") / "CeFA" / "CeFA-Race" / "EA").is_dir()
    assert not [row for row in reader().manifest() if "EA" in row.subject]
    clip = "CeFA/CeFA-Race/EA/EA-000/3_000_1_1_1"
    path = tmp_path / "list.txt"
    path.write_text(" ".join(f"{clip}/{name}/0006.jpg" for name in ("profile", "depth", "ir")) + " 1\n")
    with pytest.raises(BadInputError, match=r"row 1: .* not used"):
        capture_set("casia_cefa", twin("casia_cefa"), lists={"train": path}).manifest()


def test_masks_are_attacks_of_test_with_one_frame_a_clip() -> None:
    manifest = reader().manifest()
    masks = manifest.where(species=("mask_rigid", "mask_silicone"))
    assert {row.split for row in masks} == {"test"}
    assert masks.counts("species") == {"mask_rigid": 1, "mask_silicone": 1}
    assert {row.extra["frame"] for row in masks} == {"0009"}


def test_codes_of_a_clip_tell_attack_and_place() -> None:
    found = {}
    for code in ("1_1_1", "3_1_2", "3_1_3", "3_1_4", "3_2_2"):
        clip = reader().clip_of(("CeFA-Race", "CA", "CA-250", f"2_250_{code}"))
        assert clip is not None
        found[code] = (clip.label, clip.species, clip.environment, clip.split)
    assert found == {
        "1_1_1": (1, "bona_fide", "indoor", "dev"), "3_1_2": (0, "print", "indoor", "dev"),
        "3_1_3": (0, "print", "indoor", "dev"), "3_1_4": (0, "replay", "indoor", "dev"),
        "3_2_2": (0, "print", "outdoor", "dev"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "split"), [(0, "train"), (199, "train"), (200, "dev"), (299, "dev"), (300, "test")]
)
def test_subjects_are_split_by_number(subject: int, split: str) -> None:
    clip = reader().clip_of(("CeFA-Race", "AF", f"AF-{subject:03d}", f"1_{subject:03d}_1_1_1"))
    assert clip is not None
    assert clip.split == split


def test_the_number_of_an_identity_card_does_not_reach_the_manifest_as_a_subject() -> None:
    clip = reader().clip_of(("CeFA-Race", "AF", "AF-012-198006250024", "1_012_1_1_1"))
    assert clip is not None
    assert (clip.subject, clip.video) == ("AF-012", "AF-012/1_012_1_1_1")


def test_the_frame_that_published_lists_have_in_two_splits_is_reported() -> None:
    folder = twin("casia_cefa")
    lists = {split: folder / "lists" / f"{split}.txt" for split in ("dev", "test")}
    manifest = capture_set("casia_cefa", folder, lists=lists).manifest()  # type: ignore[arg-type]
    assert "rows that are in an earlier split too: 1" in manifest.notes
    shared = [row for row in manifest if row.rgb == manifest.where(split="dev").rows[-1].rgb]
    assert [row.split for row in shared] == ["dev", "test"]


def test_borderless_siblings_that_lists_may_name_are_taken(tmp_path: Path) -> None:
    folder = copied("casia_cefa", tmp_path)
    clip = next((folder / "CeFA" / "CeFA-Race" / "AF" / "AF-000").iterdir())
    shutil.copytree(clip / "depth", clip / "depth_nb")
    relative = clip.relative_to(folder).as_posix()
    path = tmp_path / "list.txt"
    label = int(clip.name.endswith("_1_1_1"))
    path.write_text(f"{relative}/profile/0006.jpg {relative}/depth_nb/0006.jpg {relative}/ir/0006.jpg {label}")
    row = capture_set("casia_cefa", folder, lists={"train": path}).manifest().rows[0]
    assert str(row.depth).endswith("depth_nb/0006.jpg")


@pytest.mark.parametrize(
    "parts",
    [
        ("CeFA-Race", "AF", "CA-000", "1_000_1_1_1"),
        ("CeFA-Race", "AF", "AF-000", "1_000_1_1_9"),
        ("CeFA-Mask", "Paper-Mask", "001", "1_001_1_1_2_1_3"),
        ("CeFA-Mask", "3D-Mask", "001", "1_001_1"),
    ],
)
def test_other_names_are_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(BadInputError, match="not a clip of casia_cefa"):
        reader().clip_of(parts)
