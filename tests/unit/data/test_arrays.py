"""Images inside array files: addresses, channel picks, and everything that is no image."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import LimitError
from facewarden.data.arrays import array_file, hdf5_groups, hdf5_shape, in_array, read_array_image

PLANES = np.stack([np.full((4, 5), value, np.uint8) for value in (10, 20, 30, 40)])


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    np.savez(tmp_path / "a.npz", data=PLANES[None], unit=PLANES / np.float32(255), plane=PLANES[0])
    with h5py.File(tmp_path / "b.hdf5", "w") as held:
        held.create_dataset("Frame_3/array", data=PLANES)
    return {"npz": tmp_path / "a.npz", "hdf5": tmp_path / "b.hdf5"}


@pytest.mark.parametrize(("kind", "dataset"), [("npz", "data"), ("npz", "unit"), ("hdf5", "Frame_3/array")])
def test_channels_are_picked_in_the_order_of_the_address(files: dict[str, Path], kind: str, dataset: str) -> None:
    image = read_array_image(Path(f"{files[kind]}#{dataset}:2,1,0"))
    assert image.shape == (4, 5, 3)
    np.testing.assert_allclose(image[0, 0] * 255, [30, 20, 10], rtol=1e-6)
    assert read_array_image(Path(f"{files[kind]}#{dataset}")).shape == (4, 5, 4)
    assert read_array_image(Path(f"{files[kind]}#{dataset}:3"))[0, 0, 0] * 255 == pytest.approx(40)


def test_a_single_plane_is_one_channel(files: dict[str, Path]) -> None:
    assert read_array_image(Path(f"{files['npz']}#plane")).shape == (4, 5, 1)


def test_only_array_files_have_addresses() -> None:
    assert array_file("x/a.npz#data:0") == Path("x/a.npz")
    assert array_file("x/photo #1.jpg") == Path("x/photo #1.jpg")
    assert in_array("b.hdf5#Frame_1/array")
    assert not in_array("photo#1.jpg")
    assert not in_array("a.npz")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("a.npz#nothing", "no array 'nothing'"),
        ("a.npz#data:4", "there are 4 channels"),
        ("a.npz#data:x", "are no channels"),
        ("b.hdf5#Frame_9/array", "no dataset"),
        ("b.hdf5#Frame_3", "no dataset"),
        ("c.npz#data", "does not exist"),
        ("c.hdf5#data", "does not exist"),
    ],
)
def test_wrong_addresses_are_named(files: dict[str, Path], address: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read_array_image(files["npz"].parent / address)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((1, 4, 4), np.nan, np.float32), "16 of 16 values are NaN"),
        (np.full((1, 4, 4), 1.01), "values from 1.01"),
        (np.full((1, 4, 4), 900, np.uint16), "uint16 values up to 900"),
        (np.zeros((1, 4, 4), bool), "bool values"),
        (np.zeros((2, 3, 4, 4), np.float32), r"shape \(2, 3, 4, 4\)"),
        (np.zeros(7, np.float32), "shape"),
        (np.zeros((1, 0, 4), np.float32), "shape"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "a.npz", data=values)
    with pytest.raises(BadInputError, match=message):
        read_array_image(tmp_path / "a.npz#data")


def test_damaged_and_pickled_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 cut")
    (tmp_path / "b.hdf5").write_bytes(b"\x89HDF cut")
    np.savez(tmp_path / "c.npz", data=np.array([{"a": 1}], dtype=object))
    for name in ("a.npz#data", "b.hdf5#Frame_0/array", "c.npz#data"):
        with pytest.raises(BadInputError, match="cannot be read"):
            read_array_image(tmp_path / name)
    for look in (hdf5_groups, lambda file: hdf5_shape(file, "x")):
        with pytest.raises(BadInputError):
            look(tmp_path / "b.hdf5")


def test_arrays_are_measured_before_they_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", data=np.zeros((300, 1000, 1000), np.uint8))
    with h5py.File(tmp_path / "b.hdf5", "w") as held:
        held.create_dataset("data", (13, 30000, 30000), "u1", compression="gzip", chunks=(1, 64, 64))
        held.create_dataset("chunk", (1, 8, 8), "u1", maxshape=(None, None, None), chunks=(1, 30000, 30000))
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("it was unpacked"))
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda *_, **__: pytest.fail("it was unpacked"))
    for name in ("a.npz#data", "b.hdf5#data", "b.hdf5#chunk"):
        with pytest.raises(LimitError, match=r"bytes, the limit is 268,435,456") as caught:
            read_array_image(tmp_path / name)
        assert name in caught.value.message


def test_values_of_another_file_and_of_other_types_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"secret" * 100)
    with h5py.File(tmp_path / "other.hdf5", "w") as held:
        held.create_dataset("data", data=PLANES)
    with h5py.File(tmp_path / "b.hdf5", "w") as held:
        held.create_dataset("outside", (1, 8, 8), "u1", external=[(str(tmp_path / "secret.bin"), 0, 64)])
        held["link"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "data")
        held.create_dataset("text", data=[["a", "b"]], dtype=h5py.string_dtype())
    for name in ("outside", "link"):
        with pytest.raises(BadInputError, match="another file"):
            read_array_image(tmp_path / f"b.hdf5#{name}")
    with pytest.raises(BadInputError, match="values of type object"):
        read_array_image(tmp_path / "b.hdf5#text")
