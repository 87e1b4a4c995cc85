"""Array files and weights of the fuzz corpus: npz, npy, HDF5, MATLAB and safetensors."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fuzz.case import DAMAGES, Family, FuzzInput, Wants, WrongError, damaged, one

TYPES = ["u1", "f4", "f8", "f2", "i1", "u2", "i4", "i8", "?", "c8", "S4", "U3", "M8[s]", "V5", ">f4", "f4,i4", "O"]


def pixels(rng: np.random.Generator, dtype: str = "u1") -> np.ndarray:
    """A small image, channels first."""
    shape = (int(rng.integers(1, 5)), *(int(side) for side in rng.integers(2, 30, 2)))
    if dtype == "O":
        return np.array([{"a": 1}] * 4, dtype=object)
    if dtype in ("f4", "f8", "f2", ">f4"):
        return rng.random(shape).astype(dtype)
    return (
        rng.integers(0, 256, shape)
        .astype("u1")
        .astype(np.dtype(dtype) if dtype not in ("M8[s]",) else "i8")
        .astype(dtype)
    )


def npy(values: np.ndarray) -> bytes:
    """An array as the bytes of an npy file."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def npz(folder: Path, members: dict[str, bytes], *, level: int = 6) -> Path:
    """A zip of given members."""
    path = folder / "arrays.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def image_input(path: Path, address: str = "data", wants: Wants = "any") -> FuzzInput:
    """An image inside an array file."""
    return FuzzInput(partial(_read_image, path, address), (path.name,), wants)


def _read_image(path: Path, address: str) -> None:
    from facewarden.core.errors import FacewardenError
    from facewarden.data.arrays import hdf5_groups, hdf5_shape
    from facewarden.data.reading import read_image

    if path.suffix in (".h5", ".hdf5"):
        for look in (partial(hdf5_groups, path), partial(hdf5_shape, path, address.partition(":")[0])):
            try:
                look()
            except FacewardenError as error:
                if path.name not in str(error):
                    raise
    found = read_image(Path(f"{path}#{address}"), "rgb")
    if (
        found.dtype != np.float32
        or found.ndim != 3
        or not np.isfinite(found).all()
        or found.min() < 0
        or found.max() > 1
    ):
        raise WrongError(f"read as {found.dtype} of {found.shape}")


def _npz_damaged(rng: np.random.Generator, folder: Path) -> FuzzInput:
    path = npz(folder, {"data.npy": npy(pixels(rng))}, level=int(rng.integers(0, 7)))
    path.write_bytes(damaged(rng, path.read_bytes(), one(rng, DAMAGES)))
    return image_input(path)


def _npy_damaged(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """The zip is whole, the array in it is not."""
    return image_input(npz(folder, {"data.npy": damaged(rng, npy(pixels(rng)), one(rng, DAMAGES))}))


def _header(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """An array whose header tells another shape, type or order than its bytes have."""
    shape = one(
        rng,
        ["(10000, 99999, 99999)", "(-1, 4, 4)", "(4, 4)", "()", "(3, 1e3)", "(9" + "9" * 400 + ",)", "4", "(2, 2, 0)"],
    )
    text = f"{{'descr': '{one(rng, ['|u1', '<f4', '|O', '<U9', 'x', '<f99'])}'"
    text += f", 'fortran_order': {one(rng, ['True', '0', 'False'])}"
    text += f", 'shape': {shape}{one(rng, ['', ', ' + repr('zzz') + ': 1'])}}}"
    text += " " * one(rng, [3, 70_000]) + "\n"
    head = b"\x93NUMPY\x02\x00" + struct.pack("<I", one(rng, [len(text), len(text), 2**31])) + text.encode()
    return image_input(npz(folder, {"data.npy": head + rng.bytes(40)}))


def _types(rng: np.random.Generator, folder: Path) -> FuzzInput:
    dtype = one(rng, TYPES)
    wants: Wants = "read" if dtype in ("u1", "f4", "f8", "f2", ">f4") else "refused"
    values = pixels(rng, dtype)
    if rng.random() < 0.5 and dtype in ("u1", "f4", "i4", "?", "u2"):
        path = folder / "arrays.h5"
        with h5py.File(path, "w") as archive:
            archive["data"] = values
        return image_input(path, wants=wants)
    return image_input(npz(folder, {"data.npy": npy(values)}), wants=wants)


def _values(rng: np.random.Generator, folder: Path) -> FuzzInput:
    values = pixels(rng, "f4")
    values.reshape(-1)[int(rng.integers(values.size))] = one(rng, [np.nan, np.inf, -np.inf, 1.5, -0.1, 255.0, 3e38])
    return image_input(npz(folder, {"data.npy": npy(values)}), wants="refused")


def _shapes(rng: np.random.Generator, folder: Path) -> FuzzInput:
    shape = one(
        rng, [(), (5,), (0,), (0, 4, 4), (3, 0, 4), (1, 1, 3, 8, 8), (2, 3, 8, 8), (60_000, 1, 1), (1, 60_000, 1)]
    )
    return image_input(npz(folder, {"data.npy": npy(np.zeros(shape, np.uint8))}))


def _addresses(rng: np.random.Generator, folder: Path) -> FuzzInput:
    path = npz(folder, {"data.npy": npy(np.zeros((3, 8, 8), np.uint8)), "a/../b.npy": npy(np.zeros((1, 4, 4)))})
    channels = one(
        rng, ["7", "-1", "a", "0,,1", "0,", ",", "\u0663", "9" * 5000, "1e3", "0:1", " 0", "0x1", "0" * 5000 + "9"]
    )
    address = one(
        rng, [f"data:{channels}", f"data:{channels}", "", "nothing", "data.npy", "../data", "\x00", "#", "x" * 9000]
    )
    wants: Wants = "any" if address == "data.npy" else "refused"
    return image_input(path, address, wants)


def _bomb(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """Little on the disk and much in memory; of the packed ones few are large, since packing takes seconds."""
    side = 20_000 if rng.random() < 0.2 else 3_000
    if rng.random() < 0.5:
        path = folder / "arrays.h5"
        with h5py.File(path, "w") as archive:
            options: dict[str, Any] = one(rng, [{}, {"chunks": (1, 100, 100), "compression": "gzip"}])
            archive.create_dataset("data", shape=(30, 99_999, 99_999), dtype=one(rng, ["u1", "f8"]), **options)
        return image_input(path, wants="refused")
    members = {"data.npy": npy(np.zeros((3, side, side), np.uint8))}
    return image_input(npz(folder, members, level=1), wants="refused" if side > 9_000 else "any")


def _hdf5_damaged(rng: np.random.Generator, folder: Path) -> FuzzInput:
    path = folder / "arrays.hdf5"
    with h5py.File(path, "w") as archive:
        archive["data"] = pixels(rng)
        archive.create_dataset("Frame_1/array", data=pixels(rng, "f4"), compression="gzip")
    path.write_bytes(damaged(rng, path.read_bytes(), one(rng, DAMAGES)))
    return image_input(path, one(rng, ["data", "Frame_1/array", "Frame_1", ""]))


def _hdf5_odd(rng: np.random.Generator, folder: Path) -> FuzzInput:
    path = folder / "arrays.h5"
    with h5py.File(path, "w") as archive:
        how = int(rng.integers(7))
        if how == 0:
            archive["data"] = h5py.ExternalLink(one(rng, ["/etc/passwd", "nothing.h5", path.name]), "/data")
        elif how == 1:
            archive["data"] = h5py.SoftLink("/data")
        elif how == 2:
            archive.create_dataset("data", data=["a", "b"], dtype=h5py.string_dtype())
        elif how == 3:
            archive["data"] = np.zeros(4, np.dtype([("a", "i4"), ("b", "f4")]))
        elif how == 4:
            archive.create_group("data")
        elif how == 5:
            archive["data"] = h5py.Empty("f4")
        else:
            archive.create_dataset("data", data=[archive.ref], dtype=h5py.ref_dtype)
    return image_input(path, wants="refused")


def _not_read(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """Kinds of array files that are not read, and names that hide others."""
    path = folder / f"arrays{one(rng, ['.npy', '.mat', '.npz', '.h5', '.pkl'])}"
    data = one(
        rng, [npy(pixels(rng)), b"MATLAB 5.0 MAT-file" + b" " * 109 + rng.bytes(80), b"\x80\x04.", b"", rng.bytes(900)]
    )
    path.write_bytes(data)
    return image_input(path, wants="refused")


def _weights(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """A model folder of the package, its weights damaged, with the hash of what is there in the card."""
    from facewarden.core.resolve import resolve_detector

    source = Path(__file__).resolve().parents[2] / "src" / "facewarden" / "weights" / "multitask"
    model = folder / "given-weights"
    model.mkdir()
    for path in source.glob("*.json"):
        (model / path.name).write_bytes(path.read_bytes())
    data = (source / "weights.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    how = one(rng, [*DAMAGES, "size", "shape", "dtype", "gone", "offsets", "twice"])
    if how in DAMAGES:
        data = damaged(rng, data[:4096], how) + data[4096:] if how in ("flipped", "head") else damaged(rng, data, how)
    else:
        name = one(rng, [key for key in header if key != "__metadata__"])
        if how == "shape":
            header[name]["shape"] = one(rng, [[2**62], [-1], [1, 1], [], "x"])
        elif how == "dtype":
            header[name]["dtype"] = one(rng, ["F64", "I8", "BOOL", "X", 5])
        elif how == "gone":
            del header[name]
        elif how == "offsets":
            header[name]["data_offsets"] = one(rng, [[0, 2**62], [9, 3], [0, 4], []])
        elif how == "twice":
            header[f"{name}.again"] = header[name]
        text = json.dumps(header).encode()
        told = 2**60 if how == "size" else len(text)
        data = struct.pack("<Q", told) + text + data[8 + size :]
    (model / "weights.safetensors").write_bytes(data)
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    card["sha256"]["weights.safetensors"] = sha256(data).hexdigest()
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return FuzzInput(lambda: resolve_detector(str(model)), (model.name,))


FAMILIES: dict[str, Family] = {
    "npz, damaged": _npz_damaged,
    "array in it, damaged": _npy_damaged,
    "lying header": _header,
    "types": _types,
    "NaN and out of range": _values,
    "shapes": _shapes,
    "addresses": _addresses,
    "bombs": _bomb,
    "HDF5, damaged": _hdf5_damaged,
    "HDF5, links and odd types": _hdf5_odd,
    "not an array file": _not_read,
    "weights": _weights,
}
