from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.checking.check import CheckReport, check
from facewarden.data.checking.near_duplicates import NEAR, first_near, perceptual_hash
from facewarden.data.depth import write_depth
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample


def picture(seed: int) -> NDArray[np.uint8]:
    """Noise with the spectrum of photos, amplitude 1/frequency; other seeds look different."""
    across, down = np.meshgrid(np.fft.rfftfreq(64), np.fft.fftfreq(64))
    spectrum = np.fft.rfft2(np.random.default_rng(seed).normal(size=(64, 64))) / np.maximum(
        np.hypot(across, down), 0.02
    )
    gray = np.fft.irfft2(spectrum, s=(64, 64))
    gray = np.clip(128 + 45 * gray / gray.std(), 0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def put(path: Path, seed: int, *, quality: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if quality is None:
        Image.fromarray(picture(seed)).save(path, format="PNG")
    else:
        Image.fromarray(picture(seed)).save(path, format="JPEG", quality=quality)


def kinds(report: CheckReport) -> dict[str, int]:
    return {finding.kind: finding.count for finding in report.findings}


def first(report: CheckReport, kind: str) -> tuple[str, ...]:
    (found,) = (finding for finding in report.findings if finding.kind == kind)
    return found.first


def test_a_sound_folder_is_ok(tmp_path: Path) -> None:
    for i in range(6):
        put(tmp_path / f"p{i % 3}" / f"{i}.png", i)
    report = check(tmp_path)
    assert report.ok
    assert report.findings == ()
    assert (report.kind, report.images, report.identities, report.splits) == ("folder", 6, 3, {})
    assert report.lines()[-1] == "ok"


def test_everything_that_can_be_wrong_with_a_folder(tmp_path: Path) -> None:
    for i in range(4):
        put(tmp_path / "ann" / f"{i}.png", i)
    (tmp_path / "ann" / "empty.png").write_bytes(b"")
    whole = (tmp_path / "ann" / "0.png").read_bytes()
    (tmp_path / "ann" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "ann" / "text.jpg").write_bytes(b"no picture")
    (tmp_path / "ann" / "notes.txt").write_bytes(b"a note")
    shutil.copy(tmp_path / "ann" / "1.png", tmp_path / "ann" / "1 copy.png")
    put(tmp_path / "ann" / "2 again.jpg", 2, quality=60)
    (tmp_path / "bob").mkdir()
    put(tmp_path / "cy" / "3.png", 3)
    report = check(tmp_path)
    assert not report.ok
    assert kinds(report) == {
        "zero_byte": 1,
        "unreadable": 2,
        "empty_identity": 1,
        "two_identities": 1,
        "duplicate": 1,
        "near_duplicate": 1,
        "other_file": 1,
    }
    assert first(report, "zero_byte") == ("ann/empty.png",)
    assert first(report, "empty_identity") == ("bob",)
    assert first(report, "two_identities") == ("ann/3.png = cy/3.png",)
    assert first(report, "duplicate") == ("ann/1 copy.png = ann/1.png",)
    assert first(report, "near_duplicate") == ("ann/2 again.jpg ~ ann/2.png",)
    assert first(report, "unreadable")[0].startswith("ann/cut.png: ")
    assert json.loads(json.dumps(report.to_json()))["ok"] is False
    assert "problem: 1 files of 0 bytes" in report.lines()
    assert report.lines()[-1] == "not ok"


def test_five_are_named_the_others_counted(tmp_path: Path) -> None:
    for i in range(8):
        put(tmp_path / "ann" / f"{i}.png", 0)
    report = check(tmp_path)
    assert kinds(report) == {"duplicate": 7}
    assert len(first(report, "duplicate")) == 5
    assert "    … and 2 more" in report.lines()


def test_a_folder_with_splits(tmp_path: Path) -> None:
    for i, split in enumerate(("train", "val", "test")):
        put(tmp_path / split / f"p{i}" / "a.png", i)
    assert check(tmp_path).ok
    assert check(tmp_path).splits == {"dev": 1, "test": 1, "train": 1}
    put(tmp_path / "train" / "p2" / "b.png", 7)  # p2 is a person of test
    put(tmp_path / "val" / "p3" / "c.jpg", 0, quality=70)  # p0's picture of train again
    report = check(tmp_path)
    assert kinds(report) == {"leaked_subject": 1, "leaked_image": 1, "layout": 1}
    assert first(report, "leaked_subject") == ("p2 in test, train",)
    assert first(report, "layout")[0].startswith("split folders test, train, val: people are the folders inside")
    assert first(report, "leaked_image") == ("train/p0/a.png (train) ~ val/p3/c.jpg (dev)",)


@pytest.mark.parametrize(
    "names",
    [
        ("train/ann/1", "train/bob/1", "eval/ann/2", "eval/cy/1"),
        ("set/train/ann/1", "set/train/bob/1", "set/test_images/ann/2", "set/test_images/cy/1"),
    ],
)
def test_a_leak_is_found_in_every_layout_that_the_other_verbs_read(tmp_path: Path, names: tuple[str, ...]) -> None:
    for i, name in enumerate(names):
        put(tmp_path / f"{name}.png", i)
    report = check(tmp_path)
    assert (report.identities, report.splits) == (3, {"train": 2, "test": 2})
    assert first(report, "leaked_subject") == ("ann in test, train",)


def test_a_folder_too_many_and_a_loose_photo_are_said(tmp_path: Path) -> None:
    put(tmp_path / "photos" / "ann" / "1.png", 0)
    put(tmp_path / "photos" / "bob" / "1.png", 1)
    (tmp_path / "photos" / "cy").mkdir()
    report = check(tmp_path)
    assert report.identities == 2
    assert first(report, "layout") == ("people are the folders inside photos",)
    assert first(report, "empty_identity") == ("photos/cy",)
    put(tmp_path / "photos" / "loose.png", 2)
    assert first(check(tmp_path / "photos"), "layout") == ("1 loose photos beside the folders of people are left out",)


def test_a_folder_that_cannot_be_listed_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "ann" / "1.png", 0)
    put(tmp_path / "ann" / "1 again.jpg", 0, quality=60)
    (tmp_path / "locked").mkdir()
    plain = Path.iterdir

    def refused(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    report = check(tmp_path)
    assert not report.ok
    assert first(report, "unlisted") == ("folder that cannot be listed: locked",)
    assert [finding.problem for finding in report.findings] == [True, True, False]  # problems first, then notes


def make_manifest(folder: Path, count: int = 4) -> list[Sample]:
    rows = []
    for i in range(count):
        put(folder / f"{i}.png", i)
        write_depth(folder / f"{i}_d.png", np.zeros((48, 48), dtype=np.uint16))  # all alike: holes are no duplicate
        rows.append(
            Sample(
                key=f"k{i}",
                split="train" if i % 2 else "test",
                label=1,
                species="bona_fide",
                subject=f"s{i}",
                domain="a",
                rgb=f"{i}.png",
                depth=f"{i}_d.png",
            )
        )
    return rows


def test_a_sound_manifest_is_ok(tmp_path: Path) -> None:
    Manifest(tuple(make_manifest(tmp_path)), tmp_path, "set").write(tmp_path / "manifest.parquet")
    report = check(tmp_path)
    assert report.ok
    assert report == replace(check(tmp_path / "manifest.parquet"), path=report.path)
    assert (report.kind, report.images, report.identities) == ("manifest", 8, 4)
    assert report.splits == {"test": 4, "train": 4}


def test_everything_that_can_be_wrong_with_a_manifest(tmp_path: Path) -> None:
    rows = make_manifest(tmp_path, 8)
    (tmp_path / "0.png").unlink()
    (tmp_path / "1_d.png").write_bytes((tmp_path / "2.png").read_bytes())  # eight bits are no depth
    rows[3] = replace(rows[3], subject="s2", extra={"ilumination": "dark"})
    shutil.copy(tmp_path / "4.png", tmp_path / "5.png")
    rows[6] = replace(rows[6], rgb="nul.png")
    Manifest(tuple(rows), tmp_path, "set").write(tmp_path / "m.csv")
    report = check(tmp_path / "m.csv")
    assert kinds(report) == {
        "missing": 2,
        "unreadable": 1,
        "leaked_subject": 1,
        "leaked_image": 1,
        "two_identities": 1,
        "unknown_column": 1,
    }
    assert first(report, "missing") == ("k0 (0.png)", "k6 (nul.png)")
    assert first(report, "leaked_subject") == ("s2 in test, train",)
    assert first(report, "leaked_image") == ("k4 (4.png) (test) = k5 (5.png) (train)",)
    assert first(report, "unknown_column") == ("ilumination",)


def test_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no photos"):
        check(tmp_path)
    for path in (tmp_path / "absent", tmp_path / "absent.csv", Path("nul\0")):
        with pytest.raises(BadInputError):
            check(path)


def test_flat_folder(tmp_path: Path) -> None:
    for i in range(3):
        put(tmp_path / f"{i}.png", i)
    assert check(tmp_path).identities == 3


def test_the_hash_survives_jpeg_and_size_and_tells_pictures_apart() -> None:
    pictures = [picture(seed) for seed in range(40)]
    hashes = np.stack([perceptual_hash(item) for item in pictures])
    assert first_near(hashes) == []
    for item, words in zip(pictures, hashes, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(item).resize((128, 128), Image.Resampling.BICUBIC).save(buffer, format="JPEG", quality=80)
        again = perceptual_hash(np.asarray(Image.open(buffer)))
        assert int(np.bitwise_count(words ^ again).sum()) <= NEAR


def test_near_pairs_against_counting_by_hand() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, (600, 4), dtype=np.uint64)
    hashes[500] = hashes[3] ^ np.array([1, 0, 0, 2**40], dtype=np.uint64)  # two bits
    hashes[599] = hashes[500]
    hashes[20] = hashes[10] ^ np.array([2**11 - 1, 0, 0, 0], dtype=np.uint64)  # eleven bits
    assert first_near(hashes) == [(3, 500), (3, 599)]
    assert first_near(hashes, limit=11) == [(10, 20), (3, 500), (3, 599)]
    unlike = np.zeros(600, dtype=np.int64)
    unlike[500] = 1
    assert first_near(hashes, unlike=unlike) == [(3, 500), (500, 599)]
