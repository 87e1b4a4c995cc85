"""Depth and infrared in other units than the manifest's, boxes in other units than pixels, photos turned by EXIF."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.checking.check import check
from facewarden.data.datasets.celeba_spoof import CelebaSpoof
from facewarden.data.depth import read_depth, write_depth
from facewarden.data.loading import Skipped, iter_batches, load_batch
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo, upright_size
from facewarden.data.sample import Sample

SIDE = 40


def captures(folder: Path, *, scale: float = 1.0, bits: int = 8, count: int = 6) -> list[Sample]:
    """Faces at 420 to 470 mm, 80 mm deep, in the unit that the scale makes of millimeters; infrared of some bits."""
    draw = np.random.default_rng(0)
    rows = []
    for number in range(count):
        relief = np.hypot(*np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j])  # type: ignore[misc]
        depth = np.round((420 + 10 * number + 80 * relief) * scale).astype(np.uint16)
        write_depth(folder / f"{number}_depth.png", depth)
        gray = draw.integers(0, 2**bits, (SIDE, SIDE))
        gray[0, 0] = 2**bits - 1
        kind = np.uint8 if bits == 8 else np.uint16
        Image.fromarray(gray.astype(kind)).save(folder / f"{number}_ir.png")
        rows.append(
            Sample(
                key=f"k{number}", split="test", label=number % 2, species="bona_fide" if number % 2 else "print_flat",
                subject=f"s{number}", domain="own", depth=f"{number}_depth.png", infrared=f"{number}_ir.png",
                box=(4.0, 4.0, 36.0, 36.0),
            )
        )  # fmt: skip
    return rows


def frames(rows: list[Sample], folder: Path, name: str) -> np.ndarray:  # type: ignore[type-arg]
    return load_batch(rows, root=folder).images[name].numpy()  # type: ignore[index]


@pytest.mark.parametrize(("scale", "unit"), [(0.001, 1000.0), (0.1, 10.0), (10 * 1.5, 0.1)])
def test_depth_in_another_unit_is_refused_with_the_column_to_add(tmp_path: Path, scale: float, unit: float) -> None:
    rows = captures(tmp_path, scale=1.2 * scale if scale == 0.001 else scale)
    if unit == 1000.0:  # half a meter is stored as 1 or 0
        for row in rows:
            write_depth(tmp_path / str(row.depth), np.ones((SIDE, SIDE), np.uint16))
    with pytest.raises(BadInputError, match=r"domain own: faces at a depth of .*plausible are 100 to 5000") as caught:
        list(iter_batches(rows, 4, root=tmp_path))
    assert f"depth_unit = {unit:g}" in caught.value.hint
    assert not [one for one in check_kinds(tmp_path, rows) if one not in ("wrong_unit", "near_duplicate", "duplicate")]
    declared = [replace(row, depth_unit=unit) for row in rows]
    assert sum(len(batch) for batch in iter_batches(declared, 4, root=tmp_path)) == len(rows)


def check_kinds(folder: Path, rows: list[Sample]) -> list[str]:
    Manifest(tuple(rows), root=folder, name="own").write(folder / "manifest.csv")
    return [finding.kind for finding in check(folder / "manifest.csv").findings]


def test_a_declared_unit_gives_the_frames_of_millimeters(tmp_path: Path) -> None:
    (tmp_path / "mm").mkdir()
    (tmp_path / "tenths").mkdir()
    plain = frames(captures(tmp_path / "mm"), tmp_path / "mm", "depth")
    rows = [replace(row, depth_unit=0.1) for row in captures(tmp_path / "tenths", scale=10)]
    tenths = frames(rows, tmp_path / "tenths", "depth")
    assert np.abs(plain - tenths).max() <= 1.01 / 300


def test_tenths_that_pass_for_far_faces_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = captures(tmp_path, scale=9)  # 4 m, plausible by itself
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        list(iter_batches(rows, 4, root=tmp_path))
    assert "is depth in tenths of millimeters? Then add the column depth_unit = 0.1" in caplog.text


def test_one_capture_at_an_implausible_depth_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = captures(tmp_path)
    write_depth(tmp_path / "3_depth.png", np.full((SIDE, SIDE), 7, np.uint16))
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        list(iter_batches(rows, 4, root=tmp_path))
    assert "1 bona fide captures have their face at an implausible depth: k3 (7 mm)" in caplog.text


def test_an_attack_may_have_any_depth(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = captures(tmp_path)
    for row in rows:
        if not row.bona_fide:
            write_depth(tmp_path / str(row.depth), np.full((SIDE, SIDE), 7000, np.uint16))
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        assert len(load_batch([rows[0]], root=tmp_path)) == 1
        list(iter_batches(rows, 4, root=tmp_path))
    assert "depth" not in caplog.text


def test_the_same_captures_are_looked_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = captures(tmp_path, bits=14)
    for expected in (1, 0):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="facewarden"):
            list(iter_batches(rows, 4, root=tmp_path))
        assert caplog.text.count("infrared_bits = 14") == expected
    captures(tmp_path, bits=12)
    with pytest.raises(BadInputError, match="give 12 bits"):
        list(iter_batches(rows, 4, root=tmp_path))


def test_one_frame_alone_refuses_no_domain(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    row = captures(tmp_path, bits=12)[1]
    write_depth(tmp_path / str(row.depth), np.full((SIDE, SIDE), 7000, np.uint16))
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        assert len(load_batch([row], root=tmp_path)) == 1
    assert "depth of 7000 mm" in caplog.text
    assert "infrared_bits = 12" in caplog.text


@pytest.mark.parametrize("bits", [10, 12])
def test_infrared_of_few_bits_in_sixteen_is_refused_with_the_column_to_add(tmp_path: Path, bits: int) -> None:
    rows = captures(tmp_path, bits=bits)
    with pytest.raises(
        BadInputError, match=rf"largest value in 6 captures is {2**bits - 1}, .*give {bits} bits"
    ) as caught:
        list(iter_batches(rows, 4, root=tmp_path))
    assert f"infrared_bits = {bits}" in caught.value.hint
    assert "wrong_unit" in check_kinds(tmp_path, rows)
    found = frames([replace(row, infrared_bits=bits) for row in rows], tmp_path, "infrared")
    assert found.max() == 1.0
    assert abs(float(found.mean()) - 0.5) < 0.02
    dark = frames([replace(row, infrared_bits=16) for row in rows], tmp_path, "infrared")
    assert dark.max() < 0.07
    with pytest.raises(BadInputError, match="beyond 8 bits"):
        load_batch([replace(row, infrared_bits=8) for row in rows], root=tmp_path)


def test_infrared_that_fills_its_range_or_is_of_bytes_passes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for bits, said in ((16, False), (8, False), (14, True)):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="facewarden"):
            list(iter_batches(captures(tmp_path, bits=bits), 4, root=tmp_path))
        assert ("infrared_bits = 14" in caplog.text) == said


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0.2, 0.2, 0.8, 0.9), "in shares of the frame, not in pixels"),
        ((-0.1, 0.0, 1.1, 1.0), "in shares of the frame, not in pixels"),
        ((10.0, 10.0, 8.0, 30.0), "two corners in pixels, not a size"),
    ],
)
def test_boxes_in_other_units_are_refused_with_their_row(
    tmp_path: Path, box: tuple[float, float, float, float], message: str
) -> None:
    rows = captures(tmp_path)
    Manifest(tuple(rows), root=tmp_path, name="own").write(tmp_path / "manifest.csv")
    text = (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    text = text.replace("4.0,4.0,36.0,36.0", ",".join(map(str, box)), 1)
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError) as caught:
        Manifest.read(tmp_path / "manifest.csv")
    assert "manifest.csv: row 1: box" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("box", "message"),
    [((30.0, 30.0, 90.0, 90.0), "not in the frame of 40 x 40"), ((10.0, 10.0, 16.0, 30.0), "smaller than 8 pixels")],
)
def test_boxes_beside_the_frame_and_tiny_ones_are_left_out_by_name(
    tmp_path: Path, box: tuple[float, float, float, float], message: str
) -> None:
    rows = captures(tmp_path)
    rows[2] = replace(rows[2], box=box)
    skipped: list[Skipped] = []
    kept = [
        key for batch in iter_batches(rows, 4, root=tmp_path, on_error="skip", skipped=skipped) for key in batch.key
    ]
    assert "k2" not in kept
    assert len(kept) == 5
    assert message in skipped[0].reason
    assert "wrong_box" in check_kinds(tmp_path, rows)


def test_one_picture_with_two_labels_is_refused(tmp_path: Path) -> None:
    rows = captures(tmp_path)
    rows[3] = replace(rows[3], depth=rows[2].depth, infrared=rows[2].infrared)
    Manifest(tuple(rows), root=tmp_path, name="own").write(tmp_path / "manifest.csv")
    with pytest.raises(BadInputError, match=r"2_depth\.png has label 0 in row 3 and label 1 in row 4"):
        Manifest.read(tmp_path / "manifest.csv")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_sizes_from_the_header_are_those_of_the_pixels(tmp_path: Path, suffix: str) -> None:
    for orientation in (1, 3, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"{orientation}{suffix}"
        Image.new("RGB", (30, 20), (200, 10, 10)).save(path, exif=exif)
        height, width = read_photo(path).shape[:2]
        assert upright_size(path) == (width, height)


def test_depth_is_upright_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.arange(500, 1100, dtype=np.uint16).reshape(20, 30)).save(tmp_path / "d.png", exif=exif)
    assert read_depth(tmp_path / "d.png").shape == (30, 20)


def test_boxes_of_turned_photos_of_celeba_spoof_are_those_of_the_upright_photo(tmp_path: Path) -> None:
    CelebaSpoof.example(tmp_path)
    before = {row.key: row for row in CelebaSpoof(tmp_path).manifest()}
    turned = 0
    for path in sorted(tmp_path.rglob("Data/**/*.jpg")):
        exif = Image.Exif()
        exif[0x0112] = 6
        with Image.open(path) as image:
            lying = image.transpose(Image.Transpose.ROTATE_90).resize((image.height * 2, image.width))
        lying.save(path, exif=exif)
        turned += 1
    assert turned
    for key, row in {row.key: row for row in CelebaSpoof(tmp_path).manifest()}.items():
        if str(row.rgb).endswith(".jpg") and row.box is not None and "box" not in row.extra:
            height, width = read_photo(tmp_path / str(row.rgb)).shape[:2]
            assert row.box[2] <= width
            assert row.box[3] <= height
            old = before[key].box
            assert old is not None
            assert row.box[3] == pytest.approx(2 * old[3], abs=3)
            assert row.box[2] == pytest.approx(old[2], abs=3)


def test_a_picture_of_a_name_that_is_not_utf8_is_found_again(tmp_path: Path) -> None:
    (row, *_) = captures(tmp_path)
    (tmp_path / "0_depth.png").rename(tmp_path / "gr\udce4u.png")
    Manifest((replace(row, depth="gr\udce4u.png"),), root=tmp_path, name="own").write(tmp_path / "m.csv")
    found = Manifest.read(tmp_path / "m.csv")
    assert load_batch(found.rows, root=tmp_path).present["depth"].tolist() == [True]
    json.dumps(str(found.rows[0].depth)).encode()
