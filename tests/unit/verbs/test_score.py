"""Scores of photos and captures, with a detector that can be worked by hand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facewarden.cli.parts.main import main
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, Detector, FaceLocation, PadOutput
from facewarden.data import photo_files
from facewarden.data.photo_files import photos_of
from facewarden.data.table import read_table
from facewarden.evaluation import photo_scores
from facewarden.evaluation.verdicts.rule import ONLY_SIMULATED, VerdictRule
from facewarden.verbs import score as module
from facewarden.verbs.evaluate_presentations import evaluate_presentation
from facewarden.verbs.score import score
from foreign_models import onnx_model
from tiny_captures import write_captures


class Brightness(Detector):
    """Score = 10 x mean of the frame."""

    card = Card("brightness", "brightness", "pad")
    needs_box = True

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(10 * batch.images["rgb"].mean(dim=(1, 2, 3)))


class WhereBright(Aligner):
    """Finds a face in every photo that is not black."""

    def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:  # type: ignore[type-arg]
        points = ((4.0, 4.0), (8.0, 4.0), (6.0, 6.0), (4.5, 8.0), (7.5, 8.0))
        return (FaceLocation((2.0, 2.0, 10.0, 10.0), points),) if image.max() > 0 else ()


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: Brightness())
    for where in (module, photo_scores):
        monkeypatch.setattr(where, "resolve_aligner", lambda name: WhereBright())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.new("RGB", (16, 16), (51, 51, 51)).save(tmp_path / "in" / "gray.png")
    Image.new("RGB", (20, 12), (255, 255, 255)).save(tmp_path / "in" / "deep" / "white.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "in" / "black.png")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    return tmp_path / "in"


def test_photos_of_any_size_are_scored_and_the_rest_is_counted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_files, "reads_heic", lambda: False)
    (folder / "x.heic").write_bytes(b"?")
    found = score(folder, out=tmp_path / "scores.csv")
    assert dict(zip(found.key, found.score, strict=True)) == pytest.approx({"deep/white.png": 10.0, "gray.png": 2.0})
    assert found.skipped == {
        "no face found": 1,
        "unreadable photo: not a picture in a known format": 1,
        "not read: .heic": 1,
    }
    table = read_table(tmp_path / "scores.csv")
    assert dict(zip(table["key"], table["score"], strict=True)) == {
        "black.png": None, "broken.jpg": None, "deep/white.png": "10.0", "gray.png": table["score"][-1],
    }  # fmt: skip
    said = dict(zip(table["key"], table["notes"], strict=True))
    assert said["black.png"] == "no face found"
    assert said["broken.jpg"] == "unreadable photo: not a picture in a known format"


def test_a_single_photo(folder: Path) -> None:
    assert score(folder / "gray.png").score == pytest.approx((2.0,))


@pytest.mark.parametrize("name", ["scores.txt", "in/gray.png/scores.csv"])
def test_a_table_that_cannot_be_written_is_refused_before_anything_is_scored(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: pytest.fail("scored"))
    with pytest.raises(BadInputError, match=r"scores\."):
        score(folder, out=tmp_path / name)


def test_nothing_to_score_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="holds no photos"):
        photos_of(tmp_path / "empty")
    with pytest.raises(BadInputError, match="does not exist"):
        photos_of(tmp_path / "absent")


class Crowd(Aligner):
    """Two faces, the second one larger and lying; finds nothing in a portrait photo."""

    def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:  # type: ignore[type-arg]
        if image.shape[0] > image.shape[1]:
            return ()
        upright = ((4.0, 4.0), (8.0, 4.0), (6.0, 6.0), (4.5, 8.0), (7.5, 8.0))
        lying = ((60.0, 20.0), (60.0, 60.0), (50.0, 40.0), (40.0, 25.0), (40.0, 55.0))
        return (FaceLocation((2.0, 2.0, 10.0, 10.0), upright), FaceLocation((30.0, 10.0, 80.0, 70.0), lying))


def test_which_face_was_scored_is_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(photo_scores, "resolve_aligner", lambda name: Crowd())
    (tmp_path / "in").mkdir()
    Image.new("RGB", (100, 80), (90, 90, 90)).save(tmp_path / "in" / "gray.png")
    Image.new("RGB", (80, 100), (255, 0, 0)).save(tmp_path / "in" / "turned.png")
    found = score(tmp_path / "in", quality="off", out=tmp_path / "scores.parquet")
    assert found.n_faces == (2,)
    assert found.box == ((30.0, 10.0, 80.0, 70.0),)
    notes = ["several faces, the largest is scored", "the face does not stand upright", "the photo has no color"]
    assert found.notes == ("; ".join(notes),)
    reason = "no upright face: there is one when the photo is turned by 90 degrees to the left"
    assert found.skipped == {reason: 1}
    table = read_table(tmp_path / "scores.parquet")
    assert table["n_faces"] == [2, 0]
    assert table["box"] == ["30.0 10.0 80.0 70.0", None]
    assert table["notes"] == ["; ".join(notes), reason]
    assert set(found.columns()) == {"key", "score", "n_faces", "box", "notes"}
    assert main(["score", str(tmp_path / "in")]) == 0
    printed = capsys.readouterr().out
    assert "gray.png  (2 faces, box 30 10 80 70; several faces" in printed
    assert "note for 1: the photo has no color" in printed


def test_a_tiny_face_is_said(folder: Path) -> None:
    note = "the face is smaller than 32 pixels; the photo has no color"
    assert score(folder / "gray.png", quality="off").notes == (note,)
    assert score(folder / "gray.png").notes == (f"{note}; the face is blurred",)


class Nowhere(Detector):
    """No number for dark frames."""

    card = Card("nowhere", "nowhere", "pad")

    def predict(self, batch: Any) -> PadOutput:
        mean = batch.images["rgb"].mean(dim=(1, 2, 3))
        return PadOutput(mean / (mean > 0.5))


def test_a_photo_without_a_finite_score_costs_that_photo(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: Nowhere())
    found = score(folder, out=tmp_path / "scores.csv")
    assert found.key == ("deep/white.png",)
    assert found.skipped["the detector's score is NaN or infinite"] == 1
    table = read_table(tmp_path / "scores.csv")
    at = table["key"].index("gray.png")
    assert table["score"][at] is None
    assert table["notes"][at].startswith("the detector's score is NaN or infinite")


def test_a_name_that_is_not_utf8_is_scored_and_written(folder: Path, tmp_path: Path) -> None:
    (folder / "gray.png").rename(folder / os.fsdecode(b"gr\xe4u.png"))
    found = score(folder, out=tmp_path / "scores.csv")
    assert found.key == ("deep/white.png", "gr\\xe4u.png")
    table = read_table(tmp_path / "scores.csv")
    at = table["key"].index("gr\\xe4u.png")
    assert "file name is not UTF-8, its bytes show as \\x" in table["notes"][at]
    json.dumps(found.to_dict(), ensure_ascii=False).encode()


def test_names_that_are_not_utf8_and_photos_beyond_a_limit_cost_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.fsencode(folder) + b"/\xff.png", "wb") as file:  # noqa: PTH123 - no text is its name
        Image.new("RGB", (16, 16), (51, 51, 51)).save(file, "PNG")
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_PIXELS", "257")
    Image.new("RGB", (20, 20)).save(folder / "large.png")
    found = score(folder, out=tmp_path / "scores.csv")
    assert "\\xff.png" in read_table(tmp_path / "scores.csv")["key"]
    assert found.skipped["more than 0.000257 MP"] == 1
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["captures.csv", "./captures.csv", "other/../captures.csv"])
def test_scores_never_replace_the_manifest_that_they_are_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: Brightness())
    (tmp_path / "other").mkdir()
    manifest = write_captures(tmp_path)
    before = manifest.read_bytes()
    with pytest.raises(BadInputError, match=r"captures\.csv is a manifest, which results would replace"):
        score(manifest, out=tmp_path / name)
    assert manifest.read_bytes() == before
    score(manifest, out=tmp_path / "scores.csv")
    score(manifest, out=tmp_path / "scores.csv")  # scores of before may be replaced


def test_a_folder_in_the_place_of_a_table_is_refused_before_anything_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: pytest.fail("it was asked for"))
    (tmp_path / "scores.csv").mkdir()
    with pytest.raises(BadInputError, match=r"scores\.csv: cannot be written: it is a folder"):
        score(tmp_path, out=tmp_path / "scores.csv")


def test_a_rule_decides_and_says_where_it_came_from(folder: Path, tmp_path: Path) -> None:
    rule = VerdictRule(5.0, "eer", "dev of lobby, 9 bona fide and 8 attacks", 9, 8, slope=1.0, offset=-5.0)
    rule.write(tmp_path / "rule.json")
    found = score(folder, rule=tmp_path / "rule.json", out=tmp_path / "v.csv")
    assert dict(zip(found.key, found.decision, strict=True)) == {"deep/white.png": "bona_fide", "gray.png": "attack"}
    assert found.probability == pytest.approx((0.99331, 0.04743), abs=1e-4)
    table = read_table(tmp_path / "v.csv")
    assert dict(zip(table["key"], table["decision"], strict=True)) == {
        "black.png": "no_response", "broken.jpg": "no_response", "deep/white.png": "bona_fide", "gray.png": "attack",
    }  # fmt: skip
    assert set(table["threshold_from"]) == {"eer on dev of lobby, 9 bona fide and 8 attacks"}
    assert set(table["model"]) == {"brightness"}
    without = score(folder)
    assert without.rule is None
    assert without.decision == without.probability == ()
    with pytest.raises(BadInputError, match="has no threshold of its own"):
        score(folder, policy="apcer=0.1")
    with pytest.raises(BadInputError, match="a rule and dev captures"):
        score(folder, rule=tmp_path / "rule.json", dev=tmp_path / "x.csv")
    (tmp_path / "other.json").write_text(
        json.dumps(json.loads((tmp_path / "rule.json").read_text()) | {"detector": {"w": "1"}})
    )
    with pytest.raises(BadInputError, match="another detector"):
        score(folder, rule=tmp_path / "other.json")


def test_dev_captures_or_their_scores_set_the_threshold(folder: Path, tmp_path: Path) -> None:
    captures = write_captures(tmp_path)
    found = score(folder, dev=captures, policy="apcer=0.05")
    assert found.rule is not None
    assert found.rule.policy == "bpcer_at_worst_apcer=0.05"
    assert 1.2 < found.rule.threshold < 7
    assert found.rule.simulated
    score(captures, out=tmp_path / "scores.csv")
    assert score(folder, dev=tmp_path / "scores.csv", policy="apcer=0.05").rule == replace(
        found.rule, where=found.rule.where.replace("captures", "scores")
    )
    assert score(captures).decision == ()
    own = score(captures, policy="eer", out=tmp_path / "own.csv")  # its own dev rows
    assert set(own.decision) == {"bona_fide", "attack"}
    assert set(read_table(tmp_path / "own.csv")["decision"]) == {"bona_fide", "attack"}
    with pytest.raises(BadInputError, match="not of a share"):
        score(captures, policy="eer", shard="1/3", out=tmp_path / "part.csv")
    evaluate_presentation(captures=None, scores=tmp_path / "scores.csv", detector="x", policy="eer", seed=0, out=None)


def test_a_refused_photo_is_a_non_response_with_its_reason(folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / "sharp.png")
    limits = '{"size": 8, "yaw": 180, "pitch": 180, "roll": 180, "mouth": 999, "eyes": 0}'
    found = score(folder, quality=f"refuse{limits}", out=tmp_path / "v.csv")
    assert found.key == ("sharp.png",)
    assert found.skipped["low quality: the face is blurred"] == 2
    table = read_table(tmp_path / "v.csv")
    assert table["decision"][table["key"].index("gray.png")] == "no_response"
    noted = score(folder, quality=f"note{limits}")
    assert len(noted.key) == 3
    assert "the face is blurred" in noted.notes[noted.key.index("gray.png")]
    assert "blurred" not in " ".join(score(folder, quality="off").notes)


def test_entries_that_nobody_presented_are_left_out_and_are_no_non_responses(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".hidden").mkdir()
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "broken.png").write_bytes(b"no picture")
    assert main(["score", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "left out 1: hidden folder, not read" in told
    assert "left out 1: not read: .db" in told
    assert re.search(r"no response \d+: unreadable photo", told)


def test_a_detector_of_simulation_alone_says_so_every_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "9 captures of 3 people, x: *simulated* (rendered by facewarden; no real person, no real sensor)"
    monkeypatch.setattr(Brightness, "card", Card("brightness", "brightness", "pad", training_data=text))
    assert score(folder, detector="brightness").warnings == (ONLY_SIMULATED,)  # unnamed, its choice is told too
    assert main(["score", str(folder)]) == 0
    assert f"note: {ONLY_SIMULATED}" in capsys.readouterr().out


def test_scoring_one_photo_imports_no_library_that_it_does_not_need(tmp_path: Path) -> None:
    """Each of these takes a third of a second or more of every call."""
    model = onnx_model(tmp_path, size=32, scale=2.7)
    Image.new("RGB", (32, 32), (200, 90, 90)).save(tmp_path / "a.png")
    code = f"""
        import sys
        from facewarden.core.errors import BadInputError
        from facewarden.verbs.score import score
        try:
            score({str(tmp_path / "a.png")!r}, detector={str(model)!r})
        except Exception as error:  # no face, or no finder
            assert "no photo could be scored" in str(error) or "yunet" in str(error), error
        slow = {{"timm", "torchvision", "sklearn", "matplotlib", "accelerate", "scipy.stats", "jinja2"}}
        heavy = slow & set(sys.modules)
        sys.exit(f"imported {{heavy}}" if heavy else 0)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_detector_of_three_sensors_says_that_photos_have_color_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert score(folder, detector="brightness").warnings == ()
    monkeypatch.setattr(Brightness, "modalities", ("rgb", "depth", "infrared"))
    monkeypatch.setattr(Brightness, "optional", ("depth", "infrared"))
    (told,) = score(folder, detector="brightness").warnings
    assert told.startswith("brightness was made for rgb, depth, infrared, and photos have color alone")
