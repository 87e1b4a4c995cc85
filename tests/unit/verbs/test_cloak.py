"""The cloak verb with stand-in recognizers: originals untouched, bounds kept, records whole after any stop."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from facewarden.core import run as run_folder
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, FaceLocation, Recognizer
from facewarden.data.photo import read_photo
from facewarden.experiments.cloaking import cloak_folder
from facewarden.experiments.cloaking import cloak_recipe as cloaking_recipe
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.photos import cloak_attack as cloak_method
from facewarden.photos.aligned import AlignedFaces
from facewarden.photos.cloak_attack import by_distance, choose_method, farthest
from facewarden.photos.cloak_detector import CloakDetector
from facewarden.verbs import cloak as module
from facewarden.verbs.cloak import Cloaked, cloak
from stand_ins import TinyRecognizer, make_faces


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str) -> Recognizer:
        model = TinyRecognizer(sum(name.encode()))
        model.card = replace(model.card, match_threshold={"dlib_resnet34": 0.906}.get(name, 0.245))
        return model

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


def run(source: Path, out: Path, **options: Any) -> Cloaked:
    """Cloak by few steps: how a folder is kept does not depend on how far a cloak walks."""
    options = {"method": 'lowkey{"steps": 2}', **options}
    return cloak(source, out=out, surrogates="one,two", recognizers="three", aligner="precropped", **options)


def table(result: Cloaked) -> dict[str, dict[str, str]]:
    return {name: row for name, row in listed(result.manifest).items() if row["treatment"] == "cloaked"}


def listed(manifest: Path) -> dict[str, dict[str, str]]:
    with manifest.open(newline="") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_is_cloaked_within_its_bounds_and_reported(folder: Path, tmp_path: Path) -> None:
    before = files(folder)
    result = run(folder, tmp_path / "out", method="lowkey")
    assert files(folder) == before
    assert (result.done, result.kept) == (3, 0)
    unknown = "unreadable photo: not a picture in a known format"
    assert result.skipped == {unknown: 1, "no face found": 1}
    named = {name: row["treatment"] for name, row in listed(result.manifest).items() if not row["file"]}
    assert named == {
        "broken.jpg": f"skipped: {unknown}",
        "noface.png": "skipped: no face found",
    }
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


@pytest.mark.parametrize("method", ["smooth", 'warp{"pixels": 1.5}', "tint"])
def test_a_field_cloaks_the_face_and_nothing_else(method: str, folder: Path, tmp_path: Path) -> None:
    result = run(folder, tmp_path / "out", method=method)
    assert result.done == 3
    for name, row in table(result).items():
        original, changed = read_photo(folder / name), read_photo(tmp_path / "out" / row["file"])
        assert np.array_equal(original[:2], changed[:2])  # outside the face
        assert not np.array_equal(original, changed)
        assert 0.5 < float(row["gain"]) < 1.2
    assert result.summary["shift_one"] > 0.003
    if method != "smooth":
        with pytest.raises(BadInputError, match="not gray levels"):
            run(folder, tmp_path / "other", method=method, eps=8.0)


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
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    assert any(line.startswith("suspicious 2") for line in again.lines())


def test_other_settings_in_the_same_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    with pytest.raises(BadInputError, match=r"other settings: eps .*, strength \("):
        run(folder, tmp_path / "out", strength="low")


def test_the_stored_file_is_what_is_measured(folder: Path, tmp_path: Path) -> None:
    lossless = run(folder, tmp_path / "png", method="lowkey")
    lossy = run(folder, tmp_path / "jpg", method="lowkey", format="jpeg", quality=30)
    assert sorted(path.name for path in (tmp_path / "jpg").glob("*.jpg")) == ["a.png.jpg", "gray.png.jpg"]
    assert lossy.summary["psnr"] < lossless.summary["psnr"]


def test_every_face_of_a_photo_or_the_largest(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Two(Aligner):
        def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:
            return tuple(
                FaceLocation((x, y, x + side, y + side), tuple((x + side * a, y + side * b) for a, b in FIVE))
                for x, y, side in ((5.0, 5.0, 60.0), (80.0, 70.0, 80.0))
            )

    monkeypatch.setattr(module, "resolve_aligner", lambda name: Two())
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
    [{"surrogates": "one,one"}, {"surrogates": ""}, {"eps": 0.0}, {"eps": 0.03}, {"eps": "8/255"}, {"batch": 0},
     {"quality": 99}, {"method": "lowke"}, {"method": "pgd", "thorough": True}, {"method": "pgd:0.03"}],
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


def test_a_photo_beside_which_the_output_lies_is_cloaked_and_a_missing_one_is_said_to_be(folder: Path) -> None:
    assert run(folder / "a.png", folder / "cloaked").done == 1
    with pytest.raises(BadInputError, match=r"gone\.jpg: does not exist"):
        run(folder / "gone.jpg", folder / "cloaked")
    with pytest.raises(BadInputError, match="inside the input"):
        run(folder / "a.png", folder)


def test_the_surrogates_weigh_as_much_as_in_the_measured_cloaks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    class Weighed(PushAway):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            seen.append(options["weights"])
            super().__init__(*arguments, **options)

    monkeypatch.setattr(cloaking_recipe, "PushAway", Weighed)
    names = "mobilefacenet_512,dlib_resnet34"
    out = tmp_path / "out"
    cloak(folder / "a.png", out=out, surrogates=names, aligner="precropped", method="pgd")
    assert seen == [CloakRecipe("pgd", "8", tuple(names.split(","))).weights(module.resolve_recognizer)]
    assert seen == [[1.15, 3.26]]
    assert len(set(seen[0])) == 2  # type: ignore[call-overload]
    assert json.loads((out / "record" / "recipe.json").read_text())["weights"] == seen[0]


def test_a_file_name_that_is_not_utf8_is_cloaked_under_the_same_bytes_and_kept(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    face(1).save(tmp_path / "in" / "a.png")
    Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xff.png")).write_bytes((tmp_path / "in" / "a.png").read_bytes())
    result = run(tmp_path / "in", tmp_path / "out")
    assert (result.done, result.skipped) == (2, {})
    assert listed(result.manifest)["\\xff.png"]["treatment"] == "cloaked"
    assert b"\xff.png.png" in [os.fsencode(path.name) for path in (tmp_path / "out").iterdir()]
    again = run(tmp_path / "in", tmp_path / "out")
    assert (again.done, again.kept) == (0, 2)


class Fragile(TinyRecognizer):
    """Gives NaN for red faces, and for faces with a blue corner as soon as they are moved off whole gray levels."""

    def features(self, images: torch.Tensor) -> torch.Tensor:
        moved = (images * 255 - (images * 255).round()).abs().flatten(1).amax(dim=1) > 1e-2
        lost = (images[:, 0, 0, 0] == 1) | ((images[:, 2, 0, 0] == 1) & moved)
        return torch.where(lost[:, None], torch.nan, super().features(images))


def test_a_photo_of_which_a_recognizer_says_nothing_is_named_and_the_others_are_cloaked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for name, corner in (("a", (0, 0, 0)), ("blue", (0, 0, 255)), ("red", (255, 0, 0)), ("z", (0, 0, 0))):
        picture = face(1 if name in "az" else 2)
        picture.putpixel((0, 0), corner)
        picture.save(tmp_path / "in" / f"{name}.png")
    kind = "the recognizer's embedding is NaN, infinite or zero, clean or on the way to the cloak"
    monkeypatch.setattr(module, "resolve_recognizer", lambda name: Fragile(sum(name.encode())))
    result = run(tmp_path / "in", tmp_path / "out")
    assert (result.done, result.skipped) == (2, {kind: 2})
    assert [name for name, row in listed(result.manifest).items() if row["file"]] == ["a.png", "z.png"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["a.png.png", "z.png.png"]
    monkeypatch.setattr(module, "resolve_recognizer", lambda name: TinyRecognizer(sum(name.encode())))
    (tmp_path / "some").mkdir()
    for name in ("a", "z"):
        (tmp_path / "in" / f"{name}.png").rename(tmp_path / "some" / f"{name}.png")
    run(tmp_path / "some", tmp_path / "other")
    for name in ("a.png.png", "z.png.png"):  # as if the others were not there
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


class DarkIsNothing(TinyRecognizer):
    """Gives NaN for a face with another corner than a cloak leaves; judges only."""

    def features(self, images: torch.Tensor) -> torch.Tensor:
        middle = images[:, :, 40:70, 40:70].flatten(1)
        same = (middle - face_middle()).abs().amax(dim=1) < 1 / 512
        return torch.where(same[:, None], super().features(images), torch.nan)


def face_middle() -> torch.Tensor:
    pixels = torch.from_numpy(np.asarray(face(1), dtype=np.float32) / 255)
    return pixels.permute(2, 0, 1)[:, 40:70, 40:70].flatten()


def test_a_cloaked_photo_of_which_a_recognizer_says_nothing_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    face(1).save(tmp_path / "in" / "a.png")
    monkeypatch.setattr(
        module,
        "resolve_recognizer",
        lambda name: (DarkIsNothing if name == "three" else TinyRecognizer)(sum(name.encode())),
    )
    with pytest.raises(BadInputError, match="1 x the recognizer's embedding is NaN, infinite or zero, of the cloaked"):
        run(tmp_path / "in", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.png"))


def test_huge_tiny_and_transparent_photos_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("1", (10001, 5001)).save(tmp_path / "in" / "panorama.png")
    face(1, side=24).save(tmp_path / "in" / "tiny.png")
    picture = face(1).convert("RGBA")
    alpha = np.full((112, 112), 255, dtype=np.uint8)
    alpha[:40] = 0
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "in" / "glass.png")
    result = run(tmp_path / "in", tmp_path / "out", method="pgd")
    assert (result.done, result.skipped) == (2, {"more than 50 MP": 1})
    assert result.notes == {
        "has a face below 32 pixels, about which little is known": 1,
        "its transparent parts stay transparent": 1,
    }
    with Image.open(tmp_path / "out" / "glass.png.png") as photo:
        assert photo.mode == "RGBA"
        assert np.array_equal(np.asarray(photo.getchannel("A")), alpha)
    assert "note for 1: has a face below 32 pixels, about which little is known" in result.lines()


def test_odd_pixel_types_are_converted_and_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    face(1).convert("CMYK").save(tmp_path / "in" / "cmyk.jpg")
    deep = np.asarray(face(2).convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "in" / "sixteen.png")
    result = run(tmp_path / "in", tmp_path / "out", method="pgd")
    assert result.done == 2
    assert result.notes == {"its 16-bit gray is reduced to 8 bits": 1, "its CMYK pixels are converted to RGB": 1}


def test_where_nothing_can_be_cloaked_the_reasons_are_words_and_the_photos_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    face(4).resize((112, 90)).save(tmp_path / "in" / "noface.png")
    with pytest.raises(BadInputError, match="no photo could be cloaked: 1 x no face found") as caught:
        run(tmp_path / "in", tmp_path / "out")
    assert "cloaked.csv names every photo" in caught.value.hint
    assert listed(tmp_path / "out" / "cloaked.csv")["noface.png"]["treatment"] == "skipped: no face found"


def test_a_folder_that_cannot_be_written_is_said_before_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot be written"):
        run(folder, tmp_path / "file")


def test_a_stopped_call_goes_on_where_it_was(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, written = cloak_folder.write_changed, []

    def stops(*arguments: object, **options: object) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(arguments)
        plain(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(cloak_folder, "write_changed", stops)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", method="pgd")
    monkeypatch.setattr(cloak_folder, "write_changed", plain)
    result = run(folder, tmp_path / "out", method="pgd")
    assert (result.done, result.kept) == (1, 2)


@pytest.mark.parametrize("place", ["photo", "record"])
def test_a_full_disk_is_said_and_the_rest_follows_later(
    place: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [1]

    def fills(plain: Any) -> Any:
        def write(self: Any, *arguments: Any, **options: Any) -> Any:
            ours = place == "photo" or Path(self).name.startswith("photo-")
            if ours and not room[0]:
                raise OSError(28, "No space left on device")
            room[0] -= ours
            return plain(self, *arguments, **options)

        return write

    owner, name = (Image.Image, "save") if place == "photo" else (run_folder, "write_json")
    with monkeypatch.context() as full:
        full.setattr(owner, name, fills(getattr(owner, name)))
        with pytest.raises(BadInputError, match="No space left"):
            run(folder, tmp_path / "out", method="pgd")
    assert not list((tmp_path / "out").rglob("*.tmp*"))
    result = run(folder, tmp_path / "out", method="pgd")
    assert (result.done, result.kept) == (2, 1)


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


def test_the_farthest_stranger_is_the_one_whose_nearest_photo_is_farthest() -> None:
    photos = np.array([[0.0, 0.0], [10.0, 0.0]])
    # the first is farther on average (5 and 15), the second from the nearest photo (8 and 8)
    strangers = np.array([[-5.0, 0.0], [5.0, 6.3]])
    assert farthest(photos, strangers) == 1


def strangers_of(*, people: int, each: int, seed: int) -> AlignedFaces:
    crops = np.stack([np.asarray(face(100 + number)) for number in range(people * each)])
    names = tuple(str(number) for number in range(people * each))
    return AlignedFaces(crops, names, names, "stand-in", simulated=True, skipped={})


def test_a_targeted_cloak_moves_towards_the_farthest_stranger(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloak_method, "drawn_faces", strangers_of)
    found = cloak_method.choose_method("fawkes_targeted", strength="mid", eps=None, thorough=False)
    model, clean = TinyRecognizer(), make_faces(6) * 0.7 + 0.15
    pool = strangers_of(people=20, each=4, seed=0).images(range(80))
    centroids = model.embed(pool).reshape(20, 4, -1).mean(dim=1)
    apart = torch.cdist(model.embed(clean), centroids)

    def chosen(**one_person: torch.Tensor) -> list[int]:
        (targets,) = found.targets([model], clean, keys=list("abcdef"), seed=0, **one_person)
        rows = [next(row for row in range(80) if torch.equal(pool[row], target)) for target in targets]
        assert len(set(rows)) > 1  # other photos, even of one stranger
        return [row // 4 for row in rows]

    assert chosen() == apart.argmax(dim=1).tolist()  # who they are is not known: each for itself
    assert chosen(own=clean) == [int(apart.amin(dim=0).argmax())] * 6  # all of one person at one stranger
    result = run(folder / "a.png", tmp_path / "out", method="fawkes_targeted")
    assert result.summary["shift_one"] > 0
    assert result.summary["ssim_face"] > 0.98


def test_an_output_around_the_input_never_writes_among_the_originals(folder: Path, tmp_path: Path) -> None:
    (folder / "in").mkdir()
    face(5).save(folder / "in" / "b.png")
    before = files(folder)
    with pytest.raises(BadInputError, match="written into the input"):
        run(folder, tmp_path)
    assert files(folder) == before


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"sha', b"\xff"])
def test_a_damaged_record_is_a_photo_to_do_again(damage: bytes, folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    record = next((tmp_path / "out" / "record" / "stages").glob("photo-*.json"))
    record.write_bytes(damage)
    again = run(folder, tmp_path / "out")
    assert (again.done, again.kept) == (1, 2)


def test_a_result_that_was_cut_is_made_again(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    result = tmp_path / "out" / "a.png.png"
    whole = result.read_bytes()
    result.write_bytes(whole[:100])
    assert run(folder, tmp_path / "out").done == 1
    assert len(result.read_bytes()) > 100
    assert read_photo(result).shape == (112, 112, 3)


def test_settings_come_on_top_of_what_the_strength_says() -> None:
    def attack(name: str, level: str, **settings: Any) -> Any:
        return CloakRecipe(name, level, ("one",), settings=settings).build()[0]

    usual, cheaper = attack("lowkey", "8"), attack("lowkey", "8", price=2.0)
    assert (cheaper.steps, cheaper.price) == (usual.steps, 2.0)  # still swift
    assert (
        attack("fawkes_targeted", "high", steps=5).ascent.threshold
        == attack("fawkes_targeted", "high").ascent.threshold
    )
    assert attack("fawkes_targeted", "high").ascent.threshold != attack("fawkes_targeted", "mid").ascent.threshold
    assert attack("fawkes", "12", steps=5).ascent.steps == 5  # gray levels have no mode of their own
    with pytest.raises(BadInputError, match="settings of pgd"):
        _ = CloakRecipe("pgd", "8", ("one",), settings={"speed": 1}).eps


def test_the_verb_aims_at_as_many_strangers_as_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloak_method, "drawn_faces", strangers_of)
    method = choose_method("tip_im", strength="mid", eps=None, thorough=False)
    model, clean = TinyRecognizer(), make_faces(2) * 0.7 + 0.15
    goal = cloaking_recipe.goal_of(method, [model], clean, keys=["a", "b"], weights=[1.0], seed=0)
    strangers = strangers_of(people=20, each=1, seed=0).images(range(20))
    cosine = model.embed(clean) @ model.embed(strangers).T
    fifth = cosine.sort(dim=1).values[:, 4]  # of the five farthest, the nearest one is climbed
    torch.testing.assert_close(goal.loss({"rgb": clean}), fifth)


def test_an_output_belongs_to_one_folder(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    before = files(tmp_path / "out")
    (tmp_path / "other").mkdir()
    face(9).save(tmp_path / "other" / "another.png")  # of a name that is not there yet, or is
    with pytest.raises(BadInputError, match="holds results of another folder"):
        run(tmp_path / "other", tmp_path / "out")
    assert files(tmp_path / "out") == before
    folder.rename(tmp_path / "moved")
    with pytest.raises(BadInputError, match="and was moved") as refused:
        run(tmp_path / "moved", tmp_path / "out")
    Path(str(refused.value).rpartition("delete ")[2]).unlink()
    assert run(tmp_path / "moved", tmp_path / "out").done == 0  # the same photos are the same work
    assert str(tmp_path) not in b"".join(files(tmp_path / "out").values()).decode("latin-1")


@pytest.mark.parametrize("reason", ["gone while it was cloaked", "changed while it was cloaked"])
def test_a_photo_that_goes_or_changes_meanwhile_stops_nothing(
    reason: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sorted(table(run(folder, tmp_path / "known")))[0]
    real = cloak_folder.check_still

    def taking(photo: Any) -> None:
        if photo.path == folder / first:
            photo.path.write_bytes(b"half of ano") if reason.startswith("changed") else photo.path.unlink()
        real(photo)

    monkeypatch.setattr(cloak_folder, "check_still", taking)
    result = run(folder, tmp_path / "out")
    assert result.skipped[reason] == 1
    assert result.done == 2
