"""Depth published as pictures: taken as it is, never mistaken for millimeters, for 16 bits or for a color image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.depth import read_depth_picture, write_depth
from facewarden.data.loading import iter_batches, load_batch
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample

GRAY = np.arange(80, dtype=np.uint8).reshape(8, 10) * 3


def put(folder: Path, key: str = "a", *, size: tuple[int, int] = (8, 10), **changes: object) -> Sample:
    """A sample of three pictures of one size."""
    gray = np.resize(GRAY, size)
    Image.fromarray(np.repeat(gray[..., None], 3, axis=2)).save(folder / f"{key}_rgb.png")
    Image.fromarray(gray).save(folder / f"{key}_depth.png")
    Image.fromarray(gray).save(folder / f"{key}_ir.png")
    made = Sample(key, "test", 1, "bona_fide", "who", "set", rgb=f"{key}_rgb.png", depth=f"{key}_depth.png",
                  infrared=f"{key}_ir.png", depth_encoding="picture")  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_picture_of_depth_is_taken_as_it_is(tmp_path: Path) -> None:
    batch = load_batch([put(tmp_path)], root=tmp_path)
    np.testing.assert_array_equal(batch.images["depth"][0, 0].numpy(), GRAY / np.float32(255))
    assert batch.images["depth"].shape == (1, 1, 8, 10)


def test_three_equal_channels_are_one(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(GRAY[..., None], 3, axis=2)).save(tmp_path / "d.jpg", quality=95)
    found = read_depth_picture(tmp_path / "d.jpg")
    assert found.shape == GRAY.shape
    assert np.abs(found.astype(int) - GRAY).mean() < 4


def test_a_color_picture_in_the_place_of_depth_is_refused(tmp_path: Path) -> None:
    color = np.zeros((8, 10, 3), np.uint8)
    color[..., 0] = 90
    Image.fromarray(color).save(tmp_path / "d.jpg")
    with pytest.raises(BadInputError, match="color picture, not depth"):
        read_depth_picture(tmp_path / "d.jpg")


def test_sixteen_bits_in_the_place_of_a_picture_and_the_reverse_are_refused(tmp_path: Path) -> None:
    sample = put(tmp_path)
    with pytest.raises(BadInputError, match="mode L") as error:
        load_batch([replace(sample, depth_encoding="millimeters")], root=tmp_path)
    assert "16-bit" in error.value.hint
    write_depth(tmp_path / "a_depth.png", np.full((8, 10), 700, np.uint16))
    with pytest.raises(BadInputError, match="16-bit depth") as error:
        load_batch([sample], root=tmp_path)
    assert "depth_encoding" in error.value.hint


def test_depth_of_another_size_than_color_is_refused(tmp_path: Path) -> None:
    sample = put(tmp_path)
    Image.fromarray(GRAY[:6]).save(tmp_path / "a_depth.png")
    with pytest.raises(BadInputError, match=r"modalities differ in size .*6"):
        load_batch([sample], root=tmp_path)


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    header = "key,domain,subject,label,species,split,depth,depth_encoding"
    (tmp_path / "m.csv").write_text(f"{header}\na,d,s,1,bona_fide,test,d.png,meters\n")
    with pytest.raises(BadInputError, match="row 1: unknown depth_encoding 'meters'"):
        Manifest.read(tmp_path / "m.csv")


def test_both_encodings_go_into_one_batch_and_through_a_manifest(tmp_path: Path) -> None:
    measured = put(tmp_path, "b", depth_encoding="millimeters")
    write_depth(tmp_path / "b_depth.png", np.full((8, 10), 700, np.uint16))
    Manifest((put(tmp_path), measured), tmp_path, "both").write(tmp_path / "m.csv")
    manifest = Manifest.read(tmp_path / "m.csv")
    assert [row.depth_encoding for row in manifest] == ["picture", "millimeters"]
    depth = load_batch(manifest.rows, root=tmp_path).images["depth"]
    assert torch.equal(depth[1], torch.full((1, 8, 10), 0.5))  # all of it is the face's own distance
    assert float(depth[0].max()) == pytest.approx(237 / 255)


def test_a_manifest_without_the_column_holds_millimeters(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("key,domain,subject,label,species,split,depth\na,d,s,1,bona_fide,test,d.png\n")
    assert Manifest.read(tmp_path / "m.csv").rows[0].depth_encoding == "millimeters"


def test_frames_of_many_sizes_do_not_all_wait_in_memory(tmp_path: Path) -> None:
    """Cut-out faces have sizes of their own; batches leave before every frame of the set has been read."""
    rows = [put(tmp_path, f"s{i}", size=(8 + i, 9)) for i in range(40)]
    read = []

    def counted() -> object:
        for row in rows:
            read.append(row)
            yield row

    batches = iter_batches(counted(), 2, root=tmp_path)  # type: ignore[arg-type]
    keys = list(next(batches).key)
    assert len(read) == 16
    keys += [key for batch in batches for key in batch.key]
    assert sorted(keys) == sorted(row.key for row in rows)


def test_a_color_picture_in_the_place_of_infrared_is_refused(tmp_path: Path) -> None:
    sample = put(tmp_path)
    color = np.zeros((8, 10, 3), np.uint8)
    color[..., 0] = 90
    Image.fromarray(color).save(tmp_path / "a_ir.png")
    with pytest.raises(BadInputError, match=r"a_ir\.png: is a color picture, not infrared") as error:
        load_batch([sample], root=tmp_path)
    assert "hold the infrared" in error.value.hint
    np.savez(tmp_path / "f.npz", data=color.transpose(2, 0, 1))
    with pytest.raises(BadInputError, match="is a color picture, not infrared"):
        load_batch([replace(sample, infrared="f.npz#data")], root=tmp_path)
    np.savez(tmp_path / "f.npz", data=np.repeat(GRAY[None], 3, axis=0))
    load_batch([replace(sample, infrared="f.npz#data")], root=tmp_path)


def test_gray_infrared_of_three_channels_is_read_even_where_jpeg_moved_them_apart(tmp_path: Path) -> None:
    sample = put(tmp_path)
    near = np.repeat(GRAY[..., None], 3, axis=2) + np.array([0, 1, 2], np.uint8)
    for name in ("ir.png", "ir.jpg"):
        Image.fromarray(near).save(tmp_path / name, **({"quality": 40} if name == "ir.jpg" else {}))
        found = load_batch([replace(sample, infrared=name)], root=tmp_path).images["infrared"]
        assert found.shape == (1, 1, 8, 10)


def test_one_image_for_two_modalities_is_refused(tmp_path: Path) -> None:
    sample = put(tmp_path)
    for same in ("a_rgb.png", "./a_rgb.png"):
        with pytest.raises(BadInputError, match=r"stands for two modalities: rgb a_rgb\.png"):
            replace(sample, infrared=same)
    planes = replace(sample, rgb="f.npz#data:2,1,0", depth="f.npz#data:4", infrared="f.npz#data:3")
    assert planes.modalities == ("rgb", "depth", "infrared"), "three places of one array are three images"
    Manifest((sample,), tmp_path, "set").write(tmp_path / "manifest.csv")
    text = (tmp_path / "manifest.csv").read_text()
    (tmp_path / "manifest.csv").write_text(text.replace("a_ir.png", "a_depth.png"))
    with pytest.raises(BadInputError, match=r"manifest\.csv: row 1: one image stands for two modalities"):
        Manifest.read(tmp_path)
