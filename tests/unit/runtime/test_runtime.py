"""The runtime without torch gives what the full package gives, and imports nothing heavy."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import facewarden_runtime as runtime
import numpy as np
import pytest
import torch
from facewarden_runtime.__main__ import main
from facewarden_runtime.crops import cut_view
from numpy.typing import NDArray
from onnx import TensorProto, helper, save
from PIL import Image

import facewarden
from facewarden.align import align_face
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import MissingAssetError
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_aligner, resolve_detector, resolve_purifier
from facewarden.core.roles import Aligner, FaceLocation
from facewarden.data.photo import read_photo
from facewarden.data.simulate import Simulation
from facewarden.evaluation.simulated_captures import simulate_captures
from facewarden.nn.exported.settings import CropView
from facewarden.nn.exported.views import cut
from facewarden.photos.purify_faces import FacePurifier, FacesOfPhoto
from many_captures import licensed, write_many


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    try:
        return resolve_aligner("yunet")
    except MissingAssetError as error:
        pytest.skip(f"{error.message}: {error.hint}")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two photos with a drawn face."""
    folder = tmp_path_factory.mktemp("photos")
    made = simulate_captures(folder, Simulation(subjects=2, captures_per_subject=1, seed=5), workers=1).manifest
    return [path for row in made.rows if (path := made.path(row, "rgb")) is not None]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(3)
    detector = licensed(load("pad", "thumbnail_ridge").example(folder))
    facewarden.export(detector, "onnx", out=folder / "model", captures=write_many(folder))
    return folder / "model"


def blur(folder: Path) -> Path:
    """A purifier that blurs a little, as an export."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 112, 112]) for name in ("image", "picture")]
    node = helper.make_node(
        "AveragePool", ["image"], ["picture"], kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0
    )
    graph = helper.make_graph([node], "blur", ends[:1], ends[1:])
    path = folder / "model.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    settings = {
        "size": 112,
        "order": "RGB",
        "layout": "NCHW",
        "mean": [0.0],
        "std": [1.0],
        "range": 1,
        "output": "unit",
    }
    card = {"name": "blur", "summary": "a blur", "role": "purifier", "licence": "Apache-2.0", "settings": settings,
            "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}}  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(card))
    (folder / "recipe.json").write_text('{"entry": "onnx_file"}')
    return folder


def test_importing_it_imports_no_torch_and_neither_onnxruntime_nor_opencv() -> None:
    code = """
        import sys
        import facewarden_runtime
        heavy = {"torch", "onnxruntime", "cv2", "facewarden", "scipy", "PIL"} & set(sys.modules)
        sys.exit(f"imported {heavy}" if heavy else 0)
    """
    process = subprocess.run(
        [sys.executable, "-c", "\n".join(line.strip() for line in code.strip().splitlines())],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(Path(runtime.__file__).parent.parent)},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("border", ["inside", "zero", "stretch"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("whole", ["crop", "press"])
def test_views_are_those_of_the_full_package(border: Any, antialias: bool, whole: Any) -> None:
    rng = np.random.default_rng(1)
    frame = rng.random((3, 61, 83)).astype(np.float32)
    view = CropView("x", "rgb", 32, 1.7, border, antialias, whole)
    for box in (None, (5.5, 7.25, 40.0, 60.5), (-9.0, 30.0, 30.0, 70.0), (10.0, 10.0, 18.0, 19.0)):
        boxes = None if box is None else torch.tensor([box])
        wanted = cut(torch.from_numpy(frame)[None], boxes, view)[0].numpy()
        np.testing.assert_allclose(cut_view(frame, box, asdict(view)), wanted, atol=2e-6)


def test_scores_and_decisions_are_those_of_the_full_package(exported: Path) -> None:
    full, small = resolve_detector(str(exported)), runtime.load_detector(exported)
    rng = np.random.default_rng(2)
    for sensors in (("rgb", "depth", "infrared"), ("rgb",), ("depth", "infrared")):
        images = {name: rng.integers(0, 256, (50, 60, 3 if name == "rgb" else 1), dtype=np.uint8) for name in sensors}
        tensors = {name: torch.from_numpy(value).permute(2, 0, 1)[None].float() / 255 for name, value in images.items()}
        box = (8.0, 5.0, 41.5, 44.0)
        batch = FaceBatch(images=tensors, key=("a",), box=torch.tensor([box]))  # type: ignore[arg-type]
        wanted = float(full(batch).score[0])
        flat = {name: value if name == "rgb" else value[..., 0] for name, value in images.items()}
        assert small.score(flat, box=box) == pytest.approx(wanted, abs=1e-4)
    assert small.threshold == json.loads((exported / "decision.json").read_text())["threshold"]
    with pytest.raises(runtime.ExportError, match="any sensor"):
        small.score({})
    with pytest.raises(runtime.ExportError, match="unknown sensor"):
        small.score({"thermal": np.zeros((9, 9), np.uint8)})


@pytest.mark.parametrize(
    ("box", "told"),
    [((200.0, 200.0, 260.0, 260.0), "not in the rgb frame of 60 x 50"), ((-40.0, -40.0, 5.0, 5.0), "not in the rgb"),
     ((0.0, 0.0, 900.0, 900.0), "not in the rgb"), ((0.2, 0.2, 0.8, 0.8), "smaller than 8"),
     ((30.0, 30.0, 10.0, 10.0), "smaller than 8"), ((float("nan"), 0.0, 20.0, 20.0), "smaller than 8")],
)  # fmt: skip
def test_a_box_that_is_not_in_the_picture_is_refused(exported: Path, box: tuple[float, ...], told: str) -> None:
    images = {"rgb": np.full((50, 60, 3), 100, np.uint8)}
    with pytest.raises(runtime.ExportError, match=told):
        runtime.load_detector(exported).score(images, box=box)


def test_transparent_pictures_are_laid_on_white_as_in_the_full_package(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    color = Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8))
    share = Image.fromarray(np.arange(1200, dtype=np.uint32).reshape(40, 30).astype(np.uint8))
    whole = color.copy()
    whole.putalpha(share)
    turned = Image.Exif()
    turned[0x0112] = 6
    whole.save(tmp_path / "rgba.png")
    whole.save(tmp_path / "turned.png", exif=turned)
    whole.convert("LA").save(tmp_path / "la.png")
    whole.save(tmp_path / "rgba.webp", lossless=True, exact=True)
    flat = color.quantize(16)
    flat.save(tmp_path / "palette.png", transparency=flat.getpixel((0, 0)))
    color.save(tmp_path / "opaque.png")
    color.save(tmp_path / "turned.webp", lossless=True, exif=turned)
    for path in sorted(tmp_path.iterdir()):
        found, wanted = runtime.read_photo(path).astype(int), read_photo(path).astype(int)
        assert found.shape == wanted.shape, path.name
        assert np.abs(found - wanted).max() <= 1, path.name
    whole.save(tmp_path / "rgba.tiff")
    with pytest.raises(runtime.ExportError, match="transparent; convert it"):
        runtime.read_photo(tmp_path / "rgba.tiff")


def test_photos_faces_and_aligned_crops_are_those_of_the_full_package(
    aligner: Aligner, photos: list[Path], exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finder = runtime.FaceFinder(exported / "face_finder.onnx")
    rows = {row.key: row for row in [facewarden.score(photo, detector=str(exported)) for photo in photos]}
    for path in photos:
        photo = runtime.read_photo(path)
        np.testing.assert_array_equal(photo, read_photo(path))
        for given in (photo, np.tile(photo, (12, 12, 1))):  # the second is searched in tiles
            found, wanted = finder.find(given), aligner.locate(given)
            assert len(found) == len(wanted) > 0
            for one, other in zip(found, wanted, strict=True):  # one engine is OpenCV, the other may be onnxruntime
                np.testing.assert_allclose(one.box, other.box, atol=2e-3)
                np.testing.assert_allclose(one.landmarks, other.landmarks, atol=2e-3)
                assert one.score == pytest.approx(other.score, abs=1e-4)
        for face in finder.find(photo):
            np.testing.assert_array_equal(runtime.align_face(photo, face.landmarks), align_face(photo, face.landmarks))
        row = rows[(path.name,)]
        assert runtime.load_detector(exported).decide(photo).score == pytest.approx(row.score[0], abs=1e-3)
    assert main(["score", str(exported), *map(str, photos)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(photos)
    assert main(["score", str(exported), "absent.png"]) == 2


def near(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Equal but for roundings of a few values by one level."""
    apart = np.abs(one.astype(int) - other.astype(int))
    return int(apart.max()) <= 1 and float((apart > 0).mean()) < 1e-3


def test_purified_photos_are_those_of_the_full_package(photos: list[Path], exported: Path, tmp_path: Path) -> None:
    folder = blur(tmp_path)
    (folder / "face_finder.onnx").write_bytes((exported / "face_finder.onnx").read_bytes())
    full, small = FacePurifier(resolve_purifier(str(folder))), runtime.load_purifier(folder)
    assert small.finder is not None
    photo = read_photo(photos[0])
    large = np.repeat(np.repeat(photo, 2, axis=0), 2, axis=1)  # reduced before it is aligned
    for given in (photo, large, np.repeat(photo[..., :1], 3, axis=2)):
        faces = tuple(FaceLocation(**asdict(face)) for face in small.finder.find(given))
        wanted = full([FacesOfPhoto(given, faces)])[0].pixels
        assert wanted is not None
        found = small.purify(given)
        assert near(found, wanted)
        assert (found != given).any()
    assert main(["purify", str(folder), str(photos[0]), "--out", str(tmp_path / "out.png")]) == 0
    np.testing.assert_array_equal(read_photo(tmp_path / "out.png"), small.purify(photo))


def test_other_folders_are_refused_with_what_to_do(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(runtime.ExportError, match="not an export"):
        runtime.load_detector(tmp_path)
    folder = blur(tmp_path)
    with pytest.raises(runtime.ExportError, match="load_purifier"):
        runtime.load_detector(folder)
    with pytest.raises(runtime.ExportError, match=r"no face_finder\.onnx"):
        runtime.load_purifier(folder).purify(np.zeros((40, 40, 3), np.uint8))
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(runtime.ExportError, match="sha256"):
        runtime.load_purifier(folder)


def constant(folder: Path, value: float, *, role: str = "purifier") -> Path:
    """An export whose network answers every picture with one number."""
    blur(folder)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 112, 112]) for name in ("image", "picture")]
    factor = helper.make_tensor("factor", TensorProto.FLOAT, [1], [value])
    nodes = [
        helper.make_node("Sub", ["image", "image"], ["nothing"]),
        helper.make_node("Add", ["nothing", "factor"], ["picture"]),
    ]
    graph = helper.make_graph(nodes, "constant", ends[:1], ends[1:], [factor])
    path = folder / "model.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    card = json.loads((folder / "model.json").read_text())
    card |= {"role": role, "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}}
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def test_what_is_no_number_is_no_answer(tmp_path: Path) -> None:
    crop = np.zeros((112, 112, 3), np.uint8)
    for place, value in enumerate((float("nan"), float("inf"))):
        (tmp_path / str(place)).mkdir()
        with pytest.raises(runtime.ExportError, match="finite"):
            runtime.load_purifier(constant(tmp_path / str(place), value)).purify_crop(crop)
    (tmp_path / "zero").mkdir()
    with pytest.raises(runtime.ExportError, match="no vector"):
        runtime.load_recognizer(constant(tmp_path / "zero", 0.0, role="recognizer")).embed_crop(crop)


@pytest.mark.parametrize(
    ("file", "content"),
    [("decision.json", None), ("decision.json", "[]"), ("decision.json", '{"threshold": "high"}'),
     ("decision.json", '{"threshold": NaN}'), ("face_finder.onnx", "damaged"), ("model.json", {"settings": None}),
     ("model.json", {"settings": {"views": 3, "present": False}}), ("model.json", {"self_test": [{}]})],
)  # fmt: skip
def test_folders_that_lack_something_are_refused_when_they_are_opened(
    exported: Path, tmp_path: Path, file: str, content: Any
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in exported.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    runtime.load_detector(folder)
    target = folder / file
    if content is None:
        target.unlink()
    elif isinstance(content, str):
        target.write_text(content)
    else:
        target.write_text(json.dumps(json.loads(target.read_text()) | content))
    with pytest.raises(runtime.ExportError):
        runtime.load_detector(folder)
    assert main(["score", str(folder), "absent.png"]) == 2


def test_names_cannot_steer_a_terminal_or_tear_a_table(
    exported: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    names = ["a\x1b[2J.png", "b\tc\nd.png", "e\udcff.png"]
    assert main(["score", str(exported), *(str(tmp_path / name) for name in names)]) == 2
    told = capsysbinary.readouterr().err
    assert len(told.splitlines()) == 3
    assert b"\x1b" not in told
    assert b"\\udcff" in told


def test_a_photo_is_never_written_over_and_a_full_disk_leaves_what_was_there(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = photos[0].read_bytes()
    assert main(["purify", str(blur(tmp_path)), str(photos[0]), "--out", str(photos[0])]) == 2
    assert photos[0].read_bytes() == before
    target = tmp_path / "there.png"
    target.write_bytes(before)

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(runtime.ExportError, match="space"):
        runtime.write_photo(target, np.zeros((8, 8, 3), np.uint8))
    monkeypatch.undo()
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".part-*"))
