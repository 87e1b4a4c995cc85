"""Images inside array files: `FILE.npz#data:2,1,0` and `FILE.hdf5#Frame_12/array:1` name a dataset and its channels."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import check_limit
from facewarden.core.guards.text import is_count
from facewarden.core.sources.grammar import is_there
from facewarden.data.text import printable

ARRAY_SUFFIXES = (".npz", ".hdf5", ".h5")


def array_file(path: str | Path) -> Path:
    """Return the file of an image's name: the part before `#` if that is an array file, else the whole name."""
    return Path(_split(str(path))[0])


def in_array(path: str | Path) -> bool:
    """Whether a name addresses an image inside an array file."""
    return bool(_split(str(path))[1])


def read_array_image(path: Path) -> NDArray[np.float32]:
    """Read an image out of an array file.

    Args:
        path: `FILE#DATASET:CHANNELS`. The dataset is channels first, or a single plane; axes of length 1 before them
            are dropped. Channels are comma-separated numbers, all of them in order when left out.

    Returns:
        `(h, w, channels)` in [0, 1]; bytes are divided by 255.

    Raises:
        BadInputError: no such file, dataset or channel; 16-bit values; values outside [0, 1]; NaN.
    """
    file, address = _split(str(path))
    dataset, _, channels = address.partition(":")
    name = printable(path)
    planes = _planes(_read(Path(file), dataset, name), name)
    chosen = _numbers(channels, name) if channels else list(range(len(planes)))
    if chosen and max(chosen) >= len(planes):
        raise BadInputError(f"{name}: there are {len(planes)} channels", hint=f"0 to {len(planes) - 1}")
    return _unit(planes[chosen], name).transpose(1, 2, 0)


def _split(path: str) -> tuple[str, str]:
    for suffix in ARRAY_SUFFIXES:
        head, mark, address = path.partition(f"{suffix}#")
        if mark and not is_there(path):  # a photo may be named like an address
            return head + suffix, address
    return path, ""


def _read(file: Path, dataset: str, name: str) -> NDArray[Any]:
    try:
        if not file.is_file() and file.exists():
            raise BadInputError(f"{printable(file)} is not a plain file", hint="give an array file")
        return _read_npz(file, dataset, name) if file.suffix == ".npz" else _read_hdf5(file, dataset, name)
    except BadInputError:
        raise
    except FileNotFoundError:
        raise BadInputError(f"{printable(file)} does not exist", hint="check the path") from None
    except Exception as error:  # the decoders of damaged archives raise almost any type
        raise BadInputError(f"{name}: cannot be read: {error}", hint="copy the file again") from error


def _read_npz(file: Path, dataset: str, name: str) -> NDArray[Any]:
    """An array of an archive, whose size is known from its header before its values are unpacked."""
    with zipfile.ZipFile(file) as archive:
        held = {member.removesuffix(".npy"): member for member in archive.namelist()}
        if dataset not in held:
            raise BadInputError(f"{name}: no array {dataset!r}", hint=f"it holds {', '.join(list(held)[:9])}")
        with archive.open(held[dataset]) as member:
            version = np.lib.format.read_magic(member)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(member)
        _check_size(shape, dtype, name)
        with archive.open(held[dataset]) as member:
            return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _read_hdf5(file: Path, dataset: str, name: str) -> NDArray[Any]:
    """A dataset of a file, whose size is known before its values are unpacked."""
    import h5py

    with h5py.File(file, "r") as archive:
        node = archive.get(dataset)
        if not isinstance(node, h5py.Dataset):
            raise BadInputError(f"{name}: no dataset {dataset!r}", hint=f"it holds {', '.join(list(archive)[:9])}")
        if node.file.filename != archive.filename or node.external or node.is_virtual:
            raise BadInputError(f"{name}: its values are in another file", hint="copy them into this one")
        _check_size(node.shape or (), node.dtype, name)
        _check_size(node.chunks or (), node.dtype, name)  # a chunk is unpacked whole, however little of it is read
        return np.asarray(node[()])


def _check_size(shape: Sequence[int], dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "buif":
        raise BadInputError(
            f"{name}: cannot be read: it holds values of type {dtype}", hint="bytes, or numbers from 0 to 1"
        )
    check_limit("array_bytes", math.prod(shape) * dtype.itemsize, what=name)


def hdf5_groups(file: Path) -> list[str]:
    """Return the names of an HDF5 file's groups.

    Raises:
        BadInputError: not such a file.
    """
    import h5py

    try:
        with h5py.File(file, "r") as archive:
            return list(archive)
    except (OSError, RuntimeError, ValueError) as error:  # a damaged table of names, a NUL in the file's name
        raise BadInputError(f"{printable(file)}: not an HDF5 file: {error}", hint="copy the file again") from error


def _planes(values: NDArray[Any], name: str) -> NDArray[Any]:
    while values.ndim > 3 and values.shape[0] == 1:
        values = values[0]
    planes = values[None] if values.ndim == 2 else values
    if planes.ndim != 3 or 0 in planes.shape:
        raise BadInputError(
            f"{name}: holds an array of shape {values.shape}", hint="channels x height x width is needed"
        )
    check_limit("picture_pixels", planes.shape[1] * planes.shape[2], what=name)
    return planes


def _numbers(text: str, name: str) -> list[int]:
    if not all(is_count(part) for part in text.split(",")):
        raise BadInputError(f"{name}: {text!r} are no channels", hint="numbers from 0, with commas between")
    return [int(part) for part in text.split(",")]


def _unit(planes: NDArray[Any], name: str) -> NDArray[np.float32]:
    if planes.dtype == np.uint8:
        return np.asarray(planes, dtype=np.float32) / np.float32(255)
    if not np.issubdtype(planes.dtype, np.floating):
        raise BadInputError(
            f"{name}: holds {planes.dtype} values up to {planes.max()}, not bytes and not numbers from 0 to 1",
            hint="this reader is for the preprocessed release of the set, not for raw sensor data",
        )
    if not np.isfinite(planes).all():
        bad = int((~np.isfinite(planes)).sum())
        raise BadInputError(f"{name}: {bad} of {planes.size} values are NaN or infinite", hint="copy the file again")
    low, high = float(planes.min()), float(planes.max())
    if low < 0 or high > 1:
        raise BadInputError(f"{name}: values from {low:.4g} to {high:.4g}", hint="numbers from 0 to 1, or bytes")
    return np.asarray(planes, dtype=np.float32)


def channel_list(numbers: Sequence[int]) -> str:
    """Return channels in the form of an address."""
    return ",".join(map(str, numbers))


def hdf5_shape(file: Path, dataset: str) -> tuple[int, ...]:
    """Return the shape of a dataset.

    Raises:
        BadInputError: not such a file, or it has no such dataset.
    """
    import h5py

    try:
        with h5py.File(file, "r") as archive:
            return tuple(archive[dataset].shape)
    except (OSError, KeyError, AttributeError, RuntimeError, ValueError, TypeError) as error:
        raise BadInputError(f"{printable(file)}: no dataset {dataset}: {error}", hint="copy the file again") from error
