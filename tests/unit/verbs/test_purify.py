"""The purify verb with stand-ins: originals untouched, the rest of a photo kept, records whole after any stop."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.files import temporary_name
from facewarden.core.roles import Aligner, FaceLocation, Purifier, Recognizer
from facewarden.data.photo import read_photo
from facewarden.photos import purify_photos
from facewarden.photos.cloak_detector import CloakDetector
from facewarden.verbs import purify as module
from facewarden.verbs.purify import Purified, purify
from stand_ins import TinyRecognizer, make_faces


class Dimmer(Purifier):
    """Takes eight gray levels away; faces whose red is strong count as cloaked."""

    differentiable = True

    def __init__(self, name: str = "dimmer") -> None:
        self.card = Card(name=name, summary="A stand-in.", role="purifier", settings={"level": 8})
        self.calls = 0

    def purify(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return (images - 8 / 255).clamp(min=0.0)

    def likelihood(self, images: torch.Tensor) -> torch.Tensor:
        return (images[:, 0].mean(dim=(1, 2)) - images[:, 2].mean(dim=(1, 2)) > 0.1).float()


class TwoFaces(Aligner):
    """Finds two faces side by side in wide photos, one in square ones, none in tall ones."""

    def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:
        height, width = image.shape[:2]
        count = round(width / height)
        points = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]]) * height / 112
        return tuple(
            FaceLocation(
                (float(i * height), 0.0, float((i + 1) * height), float(height)),
                tuple((float(x) + i * height, float(y)) for x, y in points),
            )
            for i in range(count)
        )


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Dimmer:
    made = Dimmer()

    def resolve(name: str) -> Recognizer:
        return TinyRecognizer()

    monkeypatch.setattr(module, "resolve_recognizer", resolve)
    monkeypatch.setattr(module, "resolve_purifier", lambda name: made if name == "dimmer" else Dimmer(name))
    monkeypatch.setattr(module, "resolve_aligner", lambda name: TwoFaces())
    return made


def face(seed: int, *, side: int = 112) -> Image.Image:
    crop = torch.nn.functional.interpolate(make_faces(1, seed=seed) * 0.7 + 0.15, size=side, mode="bilinear")
    return Image.fromarray((crop[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))


def run(source: Path, out: Path, **options: object) -> Purified:
    return purify(source, out=out, purifier=str(options.pop("purifier", "dimmer")), **options)  # type: ignore[arg-type]


def table(result: Purified) -> dict[str, dict[str, str]]:
    return {name: row for name, row in listed(result.manifest).items() if not row["treatment"].startswith("skipped")}


def listed(manifest: Path) -> dict[str, dict[str, str]]:
    with manifest.open(newline="") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    (source / "album").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010E] = "on the beach"
    face(1).save(source / "a.jpg", exif=exif, quality=95)
    face(1).save(source / "a.png", icc_profile=b"a profile")
    face(2, side=224).save(source / "album" / "large.png")
    face(3).convert("L").save(source / "gray.png")
    (source / "broken.jpg").write_bytes(b"no picture")
    Image.new("RGB", (60, 200)).save(source / "tree.png")
    return source


def test_faces_are_purified_and_everything_else_is_kept(folder: Path, tmp_path: Path) -> None:
    before = files(folder)
    result = run(folder, tmp_path / "out")
    assert files(folder) == before
    assert (result.done, result.kept, result.copied) == (4, 0, 0)
    unknown = "unreadable photo: not a picture in a known format"
    assert result.skipped == {unknown: 1, "no face found": 1}
    named = {name: row["treatment"] for name, row in listed(result.manifest).items() if not row["file"]}
    assert named == {
        "broken.jpg": f"skipped: {unknown}",
        "tree.png": "skipped: no face found",
    }
    rows = table(result)
    assert set(rows) == {"a.jpg", "a.png", "album/large.png", "gray.png"}
    for name, row in rows.items():
        change = read_photo(tmp_path / "out" / row["file"]).astype(int) - read_photo(folder / name)
        middle = change.shape[0] // 2
        assert change[middle, middle].tolist() == [-8, -8, -8]
        assert np.abs(change).max() <= 9
        assert 20 < float(row["psnr"]) < 40
        assert 0.5 < float(row["ssim"]) <= 1
        assert 0.5 < float(row["identity"]) <= 1.0001
        assert row["likelihood"] in ("0.0", "1.0")
        assert (row["treatment"], row["faces"]) == ("purified", "1")
    with Image.open(tmp_path / "out" / rows["a.jpg"]["file"]) as photo:
        assert photo.getexif()[0x010E] == "on the beach"
    with Image.open(tmp_path / "out" / rows["a.png"]["file"]) as photo:
        assert photo.info["icc_profile"] == b"a profile"
    with Image.open(tmp_path / "out" / rows["gray.png"]["file"]) as photo:
        assert photo.mode == "L"


def test_all_faces_of_a_photo_are_purified_and_the_background_stays(tmp_path: Path) -> None:
    wide = np.full((112, 300, 3), 120, dtype=np.uint8)
    wide[:, :112], wide[:, 112:224] = np.array(face(1)), np.array(face(2))
    (tmp_path / "in").mkdir()
    Image.fromarray(wide).save(tmp_path / "in" / "two.png")
    result = run(tmp_path / "in", tmp_path / "out")
    change = read_photo(tmp_path / "out" / "two.png.png").astype(int) - wide
    assert table(result)["two.png"]["faces"] == "3"
    assert change[56, 56].tolist() == change[56, 168].tolist() == [-8, -8, -8]


def test_the_background_of_a_large_photo_keeps_every_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (400, 500, 3), dtype=np.uint8)
    inside = TwoFaces().locate(photo[:100, :100])[0]
    monkeypatch.setattr(TwoFaces, "locate", lambda self, image: (inside,))
    (tmp_path / "in").mkdir()
    Image.fromarray(photo).save(tmp_path / "in" / "p.png")
    run(tmp_path / "in", tmp_path / "out")
    after = read_photo(tmp_path / "out" / "p.png.png")
    assert np.array_equal(after[104:], photo[104:])
    assert np.array_equal(after[:, 104:], photo[:, 104:])
    assert not np.array_equal(after, photo)


def test_alpha_stays_and_hidden_colors_are_not_uncovered(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture = face(1).convert("RGBA")
    alpha = np.full((112, 112), 255, dtype=np.uint8)
    alpha[:40] = 0
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "in" / "p.png")
    result = run(tmp_path / "in", tmp_path / "out")
    assert result.notes == {"its transparent parts stay transparent": 1}
    with Image.open(tmp_path / "out" / "p.png.png") as photo:
        assert photo.mode == "RGBA"
        assert np.array_equal(np.asarray(photo.getchannel("A")), alpha)


@pytest.mark.parametrize("kind", ["cmyk", "sixteen", "palette"])
def test_odd_pixel_types_are_converted_and_said(kind: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    if kind == "cmyk":
        face(1).convert("CMYK").save(tmp_path / "in" / "p.jpg")
    elif kind == "palette":
        face(1).convert("P").save(tmp_path / "in" / "p.png")
    else:
        deep = np.asarray(face(1).convert("L")).astype(np.uint16) * 257
        Image.fromarray(deep).save(tmp_path / "in" / "p.png")
    result = run(tmp_path / "in", tmp_path / "out")
    assert result.done == 1
    assert any("16-bit" in note for note in result.notes) == (kind == "sixteen")


def test_huge_and_tiny_are_counted(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("1", (10001, 5001)).save(tmp_path / "in" / "panorama.png")
    face(1, side=24).save(tmp_path / "in" / "tiny.png")
    result = run(tmp_path / "in", tmp_path / "out")
    assert result.skipped == {"more than 50 MP": 1}
    assert any("below 32 pixels" in note for note in result.notes)


def test_where_nothing_can_be_purified_the_reasons_are_words_and_the_photos_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (60, 200)).save(tmp_path / "in" / "tree.png")
    with pytest.raises(BadInputError, match="no photo could be purified: 1 x no face found") as caught:
        run(tmp_path / "in", tmp_path / "out")
    assert "purified.csv names every photo" in caught.value.hint
    assert "precropped" in caught.value.hint
    assert listed(tmp_path / "out" / "purified.csv")["tree.png"]["treatment"] == "skipped: no face found"


def test_a_second_call_does_only_what_is_missing(folder: Path, tmp_path: Path, stand_ins: Dimmer) -> None:
    out = tmp_path / "out"
    first = run(folder, out)
    whole, calls = files(out), stand_ins.calls
    again = run(folder, out)
    assert (again.done, again.kept, again.skipped) == (0, 4, first.skipped)
    assert stand_ins.calls == calls  # nothing was purified again
    assert files(out) == whole
    (out / "a.png.png").unlink()
    assert (run(folder, out).done, files(out)) == (1, whole)
    (out / "gray.png.png").write_bytes(b"cut")
    assert (run(folder, out).done, files(out)) == (1, whole)
    assert run(folder, out, force=True).done == 4
    assert run(folder, out, purifier="another").done == 4  # nothing of another purifier is kept
    face(7).save(folder / "a.png")
    assert run(folder, out, purifier="another").done == 1


def test_a_stopped_call_goes_on_where_it_was(
    folder: Path, tmp_path: Path, stand_ins: Dimmer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, written = purify_photos.write_changed, []

    def stops(*arguments: object, **keywords: object) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(arguments)
        plain(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(purify_photos, "write_changed", stops)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out")
    monkeypatch.setattr(purify_photos, "write_changed", plain)
    with (tmp_path / "out" / "purified.jsonl").open("a") as journal:
        journal.write('{"source": "cut o')
    result = run(folder, tmp_path / "out")
    assert (result.done, result.kept) == (2, 2)
    run(folder, tmp_path / "fresh")
    assert files(tmp_path / "out") == files(tmp_path / "fresh")


def test_a_full_disk_is_said_and_the_rest_follows_later(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Image.Image.save
    room = [2]

    def fills(self: Image.Image, *arguments: object, **options: object) -> None:
        if not room[0]:
            raise OSError(28, "No space left on device")
        room[0] -= 1
        plain(self, *arguments, **options)  # type: ignore[arg-type]

    before = files(folder)
    monkeypatch.setattr(Image.Image, "save", fills)
    with pytest.raises(BadInputError, match="No space left"):
        run(folder, tmp_path / "out")
    monkeypatch.setattr(Image.Image, "save", plain)
    assert not list((tmp_path / "out").rglob("*.tmp*"))
    assert files(folder) == before
    result = run(folder, tmp_path / "out")
    assert (result.done, result.kept) == (2, 2)


def test_an_output_that_cannot_be_one_is_refused_before_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot be written"):
        run(folder, tmp_path / "file")
    for wrong in (folder, folder / "below"):
        with pytest.raises(BadInputError, match="inside the input"):
            run(folder, wrong)
    with pytest.raises(BadInputError, match="suspicion"):
        run(folder, tmp_path / "out", suspicion=1.5)
    with pytest.raises(BadInputError, match="suspicion"):
        run(folder, tmp_path / "out", only_suspicious=True, region="photo")


def test_only_suspicious_photos_are_changed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    red = np.array(face(1))
    red[..., 0], red[..., 2] = 200, 90
    Image.fromarray(red).save(tmp_path / "in" / "red.png")
    face(1).convert("L").convert("RGB").save(tmp_path / "in" / "plain.jpg", quality=90)
    out = tmp_path / "out"
    everything = run(tmp_path / "in", out)
    assert everything.done == 2
    some = run(tmp_path / "in", out, only_suspicious=True)
    rows = table(some)
    assert (some.done, some.copied) == (1, 1)
    assert (rows["red.png"]["treatment"], rows["plain.jpg"]["treatment"]) == ("purified", "copied")
    assert (out / "plain.jpg").read_bytes() == (tmp_path / "in" / "plain.jpg").read_bytes()
    assert not (out / "plain.jpg.png").exists()  # purified by the first call
    assert run(tmp_path / "in", out, only_suspicious=True).kept == 2


class Namer(Dimmer):
    """A stand-in that tells kinds of cloaks: strong red is a tint."""

    kinds = ("noise", "tint")

    def kind_likelihoods(self, images: torch.Tensor, restored: torch.Tensor) -> torch.Tensor:
        assert restored.shape == images.shape
        return torch.stack([0.1 * self.likelihood(images), 0.8 * self.likelihood(images)], dim=1)


@pytest.mark.parametrize("only_suspicious", [False, True])
def test_the_table_says_which_kind_of_cloak_is_suspected(
    *, only_suspicious: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "resolve_purifier", lambda name: Namer())
    (tmp_path / "in").mkdir()
    red = np.array(face(1))
    red[..., 0], red[..., 2] = 200, 90
    Image.fromarray(red).save(tmp_path / "in" / "red.png")
    face(1).convert("L").convert("RGB").save(tmp_path / "in" / "plain.png")
    rows = table(run(tmp_path / "in", tmp_path / "out", only_suspicious=only_suspicious))
    assert (rows["red.png"]["kind"], rows["plain.png"]["kind"]) == ("tint", "")
    assert float(rows["red.png"]["likelihood"]) == pytest.approx(0.8)


@pytest.mark.parametrize("only_suspicious", [False, True])
def test_a_photo_named_like_the_result_of_another_is_not_overwritten(*, only_suspicious: bool, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    red = np.array(face(1))
    red[..., 0], red[..., 2] = 200, 90
    Image.fromarray(red).save(tmp_path / "in" / "a.jpg")
    face(2).convert("L").save(tmp_path / "in" / "a.jpg.png")
    result = run(tmp_path / "in", tmp_path / "out", only_suspicious=only_suspicious)
    assert len({row["file"] for row in table(result).values()}) == 2
    for row in table(result).values():
        change = read_photo(tmp_path / "out" / row["file"]).astype(int) - read_photo(tmp_path / "in" / row["source"])
        assert np.abs(change).max() <= 9


def test_a_purifier_that_tells_no_cloaks_is_no_detector() -> None:
    from facewarden.purifiers.identity import Identity

    with pytest.raises(BadInputError, match="tells no cloaks"):
        CloakDetector(Identity())
    assert CloakDetector(Dimmer())(torch.zeros(0, 3, 112, 112)).shape == (0,)
    assert CloakDetector(Dimmer())(make_faces(5), batch=2).shape == (5,)


@pytest.mark.parametrize("only_suspicious", [False, True])
def test_an_output_around_the_input_never_writes_among_the_originals(*, only_suspicious: bool, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "in").mkdir(parents=True)
    face(1).save(source / "a.png")
    face(2).save(source / "in" / "a.png")  # its result would be tmp_path/in/a.png, which is an original
    before = files(source)
    with pytest.raises(BadInputError, match="written into the input"):
        run(source, tmp_path, only_suspicious=only_suspicious)
    link = tmp_path / "out"
    link.mkdir()
    (link / "in").symlink_to(source)
    with pytest.raises(BadInputError, match="written into the input"):
        run(source, link, only_suspicious=only_suspicious)
    assert files(source) == before


def test_a_gallery_never_holds_a_photo_both_copied_and_purified(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(folder, out, only_suspicious=True)
    assert (out / "gray.png").exists()  # not suspicious
    run(folder, out)
    assert not (out / "gray.png").exists()
    assert (out / "gray.png.png").exists()
    run(folder, out, only_suspicious=True)
    assert (out / "gray.png").exists()
    assert not (out / "gray.png.png").exists()


def test_a_file_that_nobody_here_made_is_not_replaced_by_a_copy(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "gray.png").write_bytes(b"somebody's own")
    with pytest.raises(BadInputError, match=r"gray\.png is there already"):
        run(folder, out, only_suspicious=True)
    assert (out / "gray.png").read_bytes() == b"somebody's own"


def test_results_of_photos_that_are_gone_are_said(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    (folder / "gray.png").unlink()
    notes = run(folder, tmp_path / "out").notes
    assert notes["of an earlier call is still in the output, though its photo is gone or left out now"] == 1


def test_what_is_no_photo_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facewarden.data.photo_files.reads_heic", lambda: False)
    (folder / "x.HEIC").write_bytes(b"heic")
    (folder / "y").write_bytes(b"?")
    (folder / ".hidden").write_bytes(b"?")
    (folder / "lost.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "elsewhere").symlink_to(tmp_path)
    (folder / "z.jfif").write_bytes((folder / "a.jpg").read_bytes())
    face(5).save(folder / "still.gif")
    result = run(folder, tmp_path / "out")
    assert {"z.jfif", "still.gif"} <= set(table(result))
    said = {
        "not read: .heic", "not read: a name without a suffix", "link that leads nowhere",
        "link to a folder, not followed",
    }  # fmt: skip
    assert {note: result.notes[note] for note in said} == dict.fromkeys(said, 1)


def test_an_aligner_that_must_be_told_the_faces_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.raises(BadInputError, match="must be told the landmarks"):
        purify(folder, out=tmp_path / "out", purifier="jpeg", aligner="landmarks")


def test_a_damaged_journal_costs_work_and_no_result(folder: Path, tmp_path: Path) -> None:
    done = run(folder, tmp_path / "out").done
    journal = tmp_path / "out" / "purified.jsonl"
    journal.write_bytes(b"\xff\xfe\n[]\n" + journal.read_bytes()[5:])
    again = run(folder, tmp_path / "out")
    assert (again.done, again.kept) == (1, done - 1)


def test_one_name_that_is_too_long_stops_nothing(folder: Path, tmp_path: Path) -> None:
    (folder / f"{'n' * 246}.png").write_bytes((folder / "a.png").read_bytes())
    longest = f"{'n' * 242}.png"
    (folder / longest).write_bytes((folder / "a.png").read_bytes())
    for only_suspicious in (False, True):
        result = run(folder, tmp_path / "out", only_suspicious=only_suspicious)
        assert result.skipped["file name too long for its result"] == 1
        assert {longest, "gray.png"} <= set(table(result))


def test_why_a_photo_cannot_be_read_is_told_apart(folder: Path, tmp_path: Path) -> None:
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:900])
    (folder / "cut too.png").write_bytes((folder / "a.png").read_bytes()[:900])
    assert run(folder, tmp_path / "out").skipped == {
        "unreadable photo: not a picture in a known format": 1,
        "unreadable photo: empty (0 bytes)": 1,
        "unreadable photo: damaged or cut": 2,
        "no face found": 1,
    }


@pytest.mark.parametrize("force", [False, True])
def test_an_output_belongs_to_one_folder(*, force: bool, folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    before = files(tmp_path / "out")
    (tmp_path / "other").mkdir()
    face(7).save(tmp_path / "other" / "another.png")  # of a name that is not there yet
    with pytest.raises(BadInputError, match="holds results of another folder") as refused:
        run(tmp_path / "other", tmp_path / "out", force=force)
    assert files(tmp_path / "out") == before
    folder.rename(tmp_path / "moved")
    Path(str(refused.value).rpartition("delete ")[2]).unlink()
    result = run(tmp_path / "moved", tmp_path / "out", force=force)
    assert (result.done, result.kept) == ((4, 0) if force else (0, 4))
    assert str(tmp_path) not in b"".join(files(tmp_path / "out").values()).decode("latin-1")


def test_a_photo_that_goes_meanwhile_stops_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = purify_photos.write_changed

    def taking(path: Path, *rest: Any, **more: Any) -> None:
        if path.name == "a.png":
            path.unlink()
        real(path, *rest, **more)

    monkeypatch.setattr(purify_photos, "write_changed", taking)
    result = run(folder, tmp_path / "out")
    assert result.skipped["gone while it was purified"] == 1
    assert result.done == 3


def test_what_a_killed_call_left_is_removed_at_the_next_start(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    # a process of this machine that cannot run: identifiers are smaller
    left = temporary_name(tmp_path / "out" / "a.png")
    left = left.with_name(left.name.replace(f"-{os.getpid()}.", "-99999999999."))
    left.write_bytes(b"half a picture")
    run(folder, tmp_path / "out")
    assert not left.exists()


def test_a_judge_of_a_file_that_changed_judges_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, tmp_path / "out", recognizer="mine.onnx")
    assert run(folder, tmp_path / "out", recognizer="mine.onnx").kept == 4
    monkeypatch.setattr(module, "resolve_recognizer", lambda name: _retrained())
    again = run(folder, tmp_path / "out", recognizer="mine.onnx")
    assert (again.done, again.kept) == (4, 0)


def _retrained() -> Recognizer:
    model = TinyRecognizer()
    model.card = replace(model.card, sha256={"mine.onnx": "0" * 64})
    return model
