"""The cloak verb with stand-in recognizers: originals untouched, bounds kept, records whole after any stop."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from facewarden.bench import cloak as module
from facewarden.bench import cloak_method
from facewarden.bench.cloak import Cloaked, cloak
from facewarden.bench.cloak_detector import CloakDetector
from facewarden.bench.cloak_method import by_distance, choose_method
from facewarden.bench.faces import AlignedFaces
from facewarden.cli.cloak import show
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, FaceLocation, Recognizer
from facewarden.data.photo import read_photo
from stand_ins import TinyRecognizer, make_faces


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str) -> Recognizer:
        return TinyRecognizer(sum(name.encode()))

    monkeypatch.setattr(module, "resolve_recognizer", resolve)


def face(seed: int, *, side: int = 112) -> Image.Image:
    crop = torch.nn.functional.interpolate(make_faces(1, seed=seed) * 0.7 + 0.15, size=side, mode="bilinear")
    return Image.fromarray((crop[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    (source / "album").mkdir(parents=True)
    face(1).save(source / "a.png")
    face(2, side=160).save(source / "album" / "a.png")
    face(3).convert("L").save(source / "gray.png")
    (source / "broken.jpg").write_bytes(b"no picture")
    face(4).resize((112, 90)).save(source / "noface.png")  # no square: the aligner knows it for no crop
    return source


def run(source: Path, out: Path, **options: object) -> Cloaked:
    return cloak(source, out=out, surrogates="one,two", judges="three", aligner="precropped", **options)  # type: ignore[arg-type]


def table(result: Cloaked) -> dict[str, dict[str, str]]:
    with result.manifest.open(newline="") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_is_cloaked_within_its_bounds_and_reported(folder: Path, tmp_path: Path) -> None:
    before = files(folder)
    result = run(folder, tmp_path / "out")
    assert files(folder) == before
    assert (result.done, result.kept) == (3, 0)
    assert result.skipped == {"unreadable photo": 1, "no face found": 1}
    rows = table(result)
    assert set(rows) == {"a.png", "album/a.png", "gray.png"}
    for name, row in rows.items():
        original, changed = read_photo(folder / name), read_photo(tmp_path / "out" / row["file"])
        assert 0 < np.abs(original.astype(int) - changed).max() <= 8
        assert np.array_equal(original[:2], changed[:2])  # outside the face
        assert float(row["shift_one"]) > 0.005
        assert float(row["shift_three"]) > 0
        assert 0.5 < float(row["gain"]) < 1.2
        assert 0.5 < float(row["ssim_face"]) < float(row["ssim"]) + 0.05
    assert result.summary["shift_two"] == pytest.approx(np.mean([float(row["shift_two"]) for row in rows.values()]))
    with Image.open(tmp_path / "out" / rows["gray.png"]["file"]) as gray:
        assert gray.mode == "L"


def test_a_second_call_does_only_what_is_missing_and_ends_the_same(folder: Path, tmp_path: Path) -> None:
    first = run(folder, tmp_path / "out", batch=2)
    whole = table(first)
    (tmp_path / "out" / "a.png.png").unlink()
    again = run(folder, tmp_path / "out", batch=1)
    assert (again.done, again.kept) == (1, 2)
    assert again.skipped == first.skipped
    for name, row in table(again).items():
        for key, value in row.items():
            assert value == whole[name][key] or float(value) == pytest.approx(float(whole[name][key]), abs=2e-3)


def test_a_photo_that_has_changed_is_cloaked_again(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    face(9).save(folder / "a.png")
    assert (run(folder, tmp_path / "out").done) == 1


def test_photos_that_were_cloaked_before_are_counted_and_cloaked_once_more(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class ColorMeansCloak(CloakDetector):
        """Says 0.9 of a face in color and 0.1 of a gray one."""

        def __init__(self) -> None:
            """Needs no purifier."""

        def __call__(self, images: torch.Tensor, *, batch: int = 32) -> NDArray[np.float64]:
            return np.where((images - images[:, :1]).abs().amax(dim=(1, 2, 3)).numpy() > 0.01, 0.9, 0.1)

    monkeypatch.setattr(module, "CloakDetector", ColorMeansCloak)
    first = run(folder, tmp_path / "out")
    assert (first.done, first.suspicious) == (3, 2)
    found = {name: float(row["likelihood"]) for name, row in table(first).items()}
    assert found == {"a.png": 0.9, "album/a.png": 0.9, "gray.png": 0.1}
    again = run(folder, tmp_path / "out")
    assert (again.kept, again.suspicious) == (3, 2)
    show(again)
    assert "suspicious 2" in capsys.readouterr().out


def test_other_settings_in_the_same_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    with pytest.raises(BadInputError, match="other settings: eps, strength"):
        run(folder, tmp_path / "out", strength="low")


def test_the_stored_file_is_what_is_measured(folder: Path, tmp_path: Path) -> None:
    lossless, lossy = run(folder, tmp_path / "png"), run(folder, tmp_path / "jpg", format="jpeg", quality=30)
    assert sorted(path.name for path in (tmp_path / "jpg").glob("*.jpg")) == ["a.png.jpg", "gray.png.jpg"]
    assert lossy.summary["psnr"] < lossless.summary["psnr"]


def test_every_face_of_a_photo_or_the_largest(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Two(Aligner):
        def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:
            return tuple(
                FaceLocation((x, y, x + side, y + side), tuple((x + side * a, y + side * b) for a, b in FIVE))
                for x, y, side in ((5.0, 5.0, 60.0), (80.0, 70.0, 80.0))
            )

    monkeypatch.setattr(module, "load", lambda group, name: Two)
    result = run(folder / "album" / "a.png", tmp_path / "all")
    assert table(result)["a.png"]["faces"] == "2"
    largest = run(folder / "album" / "a.png", tmp_path / "one", faces="largest")
    assert table(largest)["a.png"]["faces"] == "1"
    changed = read_photo(tmp_path / "one" / "a.png.png") != read_photo(folder / "album" / "a.png")
    assert not changed[:60, :60].any()
    assert changed[80:, 90:].any()


FIVE = ((0.34, 0.46), (0.66, 0.46), (0.5, 0.64), (0.37, 0.82), (0.63, 0.82))


@pytest.mark.parametrize(
    "options",
    [{"surrogates": "one,one"}, {"surrogates": ""}, {"eps": 0.0}, {"batch": 0}, {"quality": 99}, {"method": "lowke"},
     {"method": "pgd", "thorough": True}],
)  # fmt: skip
def test_impossible_choices_are_refused(folder: Path, tmp_path: Path, options: dict[str, object]) -> None:
    from facewarden.core.errors import FacewardenError

    with pytest.raises(FacewardenError):
        cloak(folder, **{"out": tmp_path / "out", "surrogates": "one", "aligner": "precropped", **options})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_output_cannot_lie_in_the_input(folder: Path) -> None:
    for out in (folder, folder / "album" / "out"):
        with pytest.raises(BadInputError, match="inside the input"):
            run(folder, out)


def test_strength_is_gray_levels_or_a_published_mode() -> None:
    assert [choose_method("pgd", strength=s, eps=None, thorough=False).eps for s in ("low", "mid", "high")] == [
        4,
        8,
        16,
    ]
    assert choose_method("pgd", strength="low", eps=2.5, thorough=False).threat.eps == pytest.approx(2.5 / 255)
    assert choose_method("fawkes", strength="high", eps=None, thorough=False).eps == 15
    assert choose_method("lowkey", strength="mid", eps=None, thorough=True).attack.pace == "published"


def test_the_farthest_candidate_is_chosen() -> None:
    faces = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert by_distance(faces, np.array([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]]))[:, 0].tolist() == [1, 0]


def test_a_targeted_cloak_moves_towards_the_farthest_stranger(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(*, people: int, each: int, seed: int) -> AlignedFaces:
        crops = np.stack([np.asarray(face(100 + number)) for number in range(people)])
        names = tuple(str(number) for number in range(people))
        return AlignedFaces(crops, names, names, "stand-in", simulated=True, skipped={})

    monkeypatch.setattr(cloak_method, "drawn_faces", drawn)
    found = cloak_method.choose_method("fawkes_targeted", strength="mid", eps=None, thorough=False)
    model, clean = TinyRecognizer(), make_faces(2) * 0.7 + 0.15
    targets = found.target([model], clean, seed=0)
    strangers = drawn(people=20, each=1, seed=0).images(range(20))
    cosine = model.embed(clean) @ model.embed(strangers).T
    assert torch.equal(targets, strangers[cosine.argmin(dim=1)])
    result = run(folder / "a.png", tmp_path / "out", method="fawkes_targeted")
    assert result.summary["shift_one"] > 0
    assert result.summary["ssim_face"] > 0.98
