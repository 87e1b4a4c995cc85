from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.depth import encode_depth, read_depth, write_depth
from facewarden.data.loading import Skipped, iter_batches, load_batch
from facewarden.data.sample import Sample


def make(folder: Path, key: str, *, width: int = 8, height: int = 6, label: int = 1) -> Sample:
    """A capture: red-blue frame, face at 500 mm before a wall at 700 mm, infrared at 51; sides in squares of 4 pixels.

    The face box is 16 x 12 pixels large.
    """
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    rgb[..., 0], rgb[:, : width // 2, 2] = 255, 102
    depth = np.full((height, width), 700, dtype=np.uint16)
    depth[2:5, 2:6] = 500
    depth[2, 2] = 470
    depth[3, 3] = 0
    Image.fromarray(rgb.repeat(4, axis=0).repeat(4, axis=1)).save(folder / f"{key}_rgb.png")
    write_depth(folder / f"{key}_depth.png", depth.repeat(4, axis=0).repeat(4, axis=1))
    Image.fromarray(np.full((4 * height, 4 * width), 51, dtype=np.uint8)).save(folder / f"{key}_ir.png")
    return Sample(
        key=key,
        split="train",
        label=label,
        species="bona_fide" if label else "print_flat",
        subject=f"s{key}",
        domain="lab",
        rgb=f"{key}_rgb.png",
        depth=f"{key}_depth.png",
        infrared=f"{key}_ir.png",
        box=(8.0, 8.0, 24.0, 20.0),
    )


def test_a_batch_holds_what_is_on_disk(tmp_path: Path) -> None:
    batch = load_batch([make(tmp_path, "a"), make(tmp_path, "b", label=0)], root=tmp_path)
    assert batch.key == ("a", "b")
    assert batch.modalities == ("rgb", "depth", "infrared")
    rgb, depth = batch.images["rgb"], batch.images["depth"]
    assert rgb.shape == (2, 3, 24, 32)
    assert rgb[0, :, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.4])  # RGB order
    assert rgb[0, :, 0, 31].tolist() == [1.0, 0.0, 0.0]
    assert bool((batch.images["infrared"] == 0.2).all())
    # z_face = 500: the face is 0.5, 30 mm before it 0.6, the wall 200 mm behind it is clipped, the hole is 0
    assert depth[0, 0, 16, 16].item() == 0.5
    assert depth[0, 0, 8, 8].item() == pytest.approx(0.6)
    assert depth[0, 0, 0, 0].item() == 0.0
    assert depth[0, 0, 12, 12].item() == 0.0
    assert batch.label is not None
    assert batch.label.tolist() == [1, 0]
    assert batch.species == ("bona_fide", "print_flat")
    assert batch.subject == ("sa", "sb")
    assert batch.box is not None
    assert batch.box.tolist() == [[8.0, 8.0, 24.0, 20.0]] * 2


def test_an_absent_modality_is_zeros_and_not_present(tmp_path: Path) -> None:
    samples = [make(tmp_path, "a"), replace(make(tmp_path, "b"), depth=None)]
    batch = load_batch(samples, root=tmp_path, modalities=("rgb", "depth"))
    assert batch.modalities == ("rgb", "depth")
    assert batch.present["depth"].tolist() == [True, False]
    assert batch.present["rgb"].tolist() == [True, True]
    assert not batch.images["depth"][1].any()
    with pytest.raises(BadInputError, match="'b' has none of depth"):
        load_batch(samples, root=tmp_path, modalities=("depth",))


def test_resizing_keeps_the_shape_and_moves_the_box(tmp_path: Path) -> None:
    batch = load_batch([make(tmp_path, "a")], root=tmp_path, size=16)
    assert batch.images["rgb"].shape == (1, 3, 16, 16)
    assert batch.box is not None
    assert batch.box.tolist() == [[4.0, 4.0, 12.0, 10.0]]
    assert bool((batch.images["rgb"][0, 0, :12] == 1).all())
    assert not batch.images["rgb"][0, :, 12:].any()  # padded below, the frame was 32 x 24
    # every depth value existed before: nothing is averaged
    small = load_batch([make(tmp_path, "a")], root=tmp_path).images["depth"]
    assert set(batch.images["depth"].unique().tolist()) <= {0.0, *small.unique().tolist()}
    half = load_batch([make(tmp_path, "a")], root=tmp_path, size=4)
    assert half.images["rgb"].shape == (1, 3, 4, 4)
    assert half.box is not None
    assert half.box.tolist() == [[1.0, 1.0, 3.0, 2.5]]


def test_batches_group_by_size_in_a_fixed_order(tmp_path: Path) -> None:
    samples = [make(tmp_path, f"{i}", width=8 if i % 2 else 10) for i in range(7)]
    with pytest.raises(BadInputError, match="differ in size"):
        load_batch(samples, root=tmp_path)
    for _ in range(2):
        keys = [batch.key for batch in iter_batches(samples, 2, root=tmp_path)]
        assert keys == [("0", "2"), ("1", "3"), ("4", "6"), ("5",)]
    whole = [batch.key for batch in iter_batches(samples, 4, root=tmp_path, size=8)]
    assert whole == [("0", "1", "2", "3"), ("4", "5", "6")]


def test_samples_without_a_box_come_apart(tmp_path: Path) -> None:
    samples = [make(tmp_path, "a"), replace(make(tmp_path, "b"), box=None)]
    with pytest.raises(BadInputError, match="only some"):
        load_batch(samples, root=tmp_path)
    with_box, without = iter_batches(samples, 8, root=tmp_path)
    assert with_box.box is not None
    assert without.box is None


def test_unreadable_images_are_listed_never_silent(tmp_path: Path) -> None:
    samples = [make(tmp_path, key) for key in "abcd"]
    (tmp_path / "b_depth.png").write_bytes(b"")
    (tmp_path / "c_rgb.png").unlink()
    skipped: list[Skipped] = []
    (batch,) = iter_batches(samples, 8, root=tmp_path, on_error="skip", skipped=skipped)
    assert batch.key == ("a", "d")
    assert [(item.key, Path(item.path).name) for item in skipped] == [("b", "b_depth.png"), ("c", "c_rgb.png")]
    assert "0 bytes" in skipped[0].reason
    with pytest.raises(BadInputError, match=r"b_depth\.png"):
        list(iter_batches(samples, 8, root=tmp_path))
    with pytest.raises(BadInputError, match="without a list"):
        list(iter_batches(samples, 8, root=tmp_path, on_error="skip"))


def test_refusals(tmp_path: Path) -> None:
    sample = make(tmp_path, "a")
    with pytest.raises(BadInputError, match="no samples"):
        load_batch([], root=tmp_path)
    with pytest.raises(BadInputError, match="batch size 0"):
        list(iter_batches([sample], 0, root=tmp_path))
    write_depth(tmp_path / "a_depth.png", np.full((3, 3), 500, dtype=np.uint16))
    with pytest.raises(BadInputError, match="modalities differ in size"):
        load_batch([sample], root=tmp_path)


@pytest.mark.parametrize("content", [b"", b"x" * 100, None])
def test_depth_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "d.png"
    if content is None:
        Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(path)  # 8-bit: no millimeters
    else:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match=r"d\.png"):
        read_depth(path)
    with pytest.raises(BadInputError):
        read_depth(tmp_path)


def test_depth_round_trip_keeps_16_bits(tmp_path: Path) -> None:
    depth = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    write_depth(tmp_path / "d.png", depth)
    assert np.array_equal(read_depth(tmp_path / "d.png"), depth)


def test_encoding_without_box_or_without_depth() -> None:
    depth = np.array([[400, 500, 600, 0]], dtype=np.uint16)
    assert encode_depth(depth).tolist() == [pytest.approx([0.5 + 1 / 3, 0.5, 0.5 - 1 / 3, 0.0])]
    assert encode_depth(depth, box=(3.0, 0.0, 4.0, 1.0)).tolist() == encode_depth(depth).tolist()  # only a hole inside
    assert encode_depth(depth, box=(-9.0, -9.0, 1.0, 9.0))[0, 0] == 0.5  # reaches out of the frame
    assert not encode_depth(np.zeros((2, 2), dtype=np.uint16)).any()


def test_the_batch_is_float32(tmp_path: Path) -> None:
    batch = load_batch([make(tmp_path, "a")], root=tmp_path, size=5)
    assert {image.dtype for image in batch.images.values()} == {torch.float32}


def test_sensors_of_different_sizes_are_squashed_each_by_itself(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    color, gray = rng.integers(0, 256, (30, 50, 3), np.uint8), rng.integers(0, 256, (24, 20), np.uint8)
    deep = rng.integers(500, 700, (40, 16)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "c.png"), color[:, :, ::-1])
    cv2.imwrite(str(tmp_path / "g.png"), gray)
    cv2.imwrite(str(tmp_path / "d.png"), deep)
    sample = Sample("a", "test", 1, "bona_fide", "s", "x", rgb="c.png", infrared="g.png", depth="d.png")
    with pytest.raises(BadInputError, match="differ in size") as error:
        next(iter_batches([sample], 1, root=tmp_path))
    assert "fit: squash" in error.value.hint
    (batch,) = iter_batches([sample], 1, root=tmp_path, squash=16)
    wanted = cv2.resize(color.astype(np.float32) / 255, (16, 16), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(batch.images["rgb"][0].permute(1, 2, 0).numpy(), wanted, atol=1e-6)
    wanted = cv2.resize(gray.astype(np.float32) / 255, (16, 16), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(batch.images["infrared"][0, 0].numpy(), wanted, atol=1e-6)
    levels = set(np.unique(encode_depth(deep).round(6)).tolist())
    assert set(np.unique(batch.images["depth"].numpy().round(6)).tolist()) <= levels, "measured ranges are not averaged"
    boxed = replace(sample, box=(2.0, 2.0, 14.0, 14.0))
    with pytest.raises(BadInputError, match="differ in size"):
        next(iter_batches([boxed], 1, root=tmp_path, squash=16))
