"""Verbs without a named detector: what they choose is recorded, shards agree, and nothing mixes two detectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facewarden
from clips import write_clip
from facewarden.auditing import detector as auditing_module
from facewarden.auditing import sections as sections_module
from facewarden.auditing.request import not_measured
from facewarden.cli.parts.main import main
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, Detector, FaceLocation, PadOutput
from facewarden.data.manifest import Manifest
from facewarden.data.table import read_table
from facewarden.evaluation import photo_scores
from facewarden.evaluation.own import captures as own_module
from facewarden.evaluation.verdicts.default_detector import COLOR_ALONE
from facewarden.photos import find_faces
from facewarden.reporting.document import LeftOut
from facewarden.scale.record import read_records
from facewarden.verbs import attack as attack_module
from facewarden.verbs import audit as audit_module
from facewarden.verbs import evaluate_presentations as evaluate_module
from facewarden.verbs import score as score_module
from facewarden.verbs.monitoring.monitor import AuditOptions
from tiny_captures import write_captures


class Brightness(Detector):
    """Score = 10 x mean of the frame, under the name that was asked for."""

    optional = ("depth", "infrared")

    def __init__(self, name: str) -> None:
        super().__init__()
        self.card = Card(name, "brightness", "pad", sha256={"weights": hashlib.sha256(name.encode()).hexdigest()})

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(10 * batch.images["rgb"].mean(dim=(1, 2, 3)) - 5)


class Everywhere(Aligner):
    """Finds a face in every photo."""

    def locate(self, image: np.ndarray) -> tuple[FaceLocation, ...]:  # type: ignore[type-arg]
        points = ((8.0, 8.0), (16.0, 8.0), (12.0, 12.0), (9.0, 16.0), (15.0, 16.0))
        return (FaceLocation((4.0, 4.0, 20.0, 20.0), points),)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What each verb asked for as detector."""
    found: list[str] = []

    def resolve(spec: str, **_: object) -> Detector:
        found.append(spec)
        return Brightness(spec)

    for module in (score_module, evaluate_module, attack_module, audit_module):
        monkeypatch.setattr(module, "resolve_detector", resolve)
    for module in (score_module, photo_scores, find_faces):
        monkeypatch.setattr(module, "resolve_aligner", lambda name: Everywhere())
    monkeypatch.setattr(own_module, "load", lambda group, name: Everywhere)
    left = LeftOut("cloaks", "not here", "facewarden fetch")
    monkeypatch.setattr(sections_module, "poisoning_of", lambda needs, run: (not_measured("poisoning", left), ()))
    monkeypatch.setattr(sections_module, "perturbation_of", lambda *_: not_measured("perturbation", left))
    monkeypatch.setattr(auditing_module, "with_full_system", lambda alone, *_: alone)
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def color(tmp_path: Path) -> Path:
    return write_captures(tmp_path)


@pytest.fixture
def sensors(color: Path, tmp_path: Path) -> Path:
    """The same captures; the first of train has infrared too."""
    read = Manifest.read(color)
    Image.new("L", (48, 48), 90).save(tmp_path / "infrared.png")
    rows = (replace(read.rows[0], infrared="infrared.png"), *read.rows[1:])
    replace(read, rows=rows).write(tmp_path / "sensors.csv")
    return tmp_path / "sensors.csv"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for kind, level in (("live", 200), ("spoof", 40)):
        for who in range(4):
            path = tmp_path / "photos" / kind / f"s{who}" / "0.png"
            path.parent.mkdir(parents=True)
            Image.new("RGB", (32, 32), (level, level + who, level)).save(path)
    return tmp_path / "photos"


VERBS: dict[str, Callable[[Path], Any]] = {
    "score": lambda captures: facewarden.score(captures, out="s.csv"),
    "evaluate": lambda captures: facewarden.evaluate("presentation", captures=captures, out="e"),
    "attack": lambda captures: facewarden.attack(captures, method="noise", samples=1),
    "audit": lambda captures: facewarden.audit(captures=captures, preset="quick", out="a", workers=1),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_manifest_of_color_alone_is_for_color_cnn_and_one_other_image_is_for_multi_cnn(
    verb: str, color: Path, sensors: Path, asked: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    VERBS[verb](color)
    assert set(asked) == {"color_cnn"}
    assert caplog.messages.count(COLOR_ALONE) == 1
    caplog.clear()
    asked.clear()
    (tmp_path / "more").mkdir()
    for name in ("a", "e", "s.csv"):
        if (tmp_path / name).exists():
            (tmp_path / name).rename(tmp_path / "more" / name)
    VERBS[verb](sensors)
    assert set(asked) == {"multi_cnn"}
    assert COLOR_ALONE not in caplog.messages


def test_photos_folders_videos_and_cameras_are_for_color_cnn(
    photos: Path, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Shown:
        """A camera with one gray picture."""

        def __init__(self, number: int) -> None:
            """Open it."""

        def isOpened(self) -> bool:
            return True

        def read(self) -> tuple[bool, np.ndarray]:  # type: ignore[type-arg]
            return True, np.full((64, 64, 3), 102, np.uint8)

        def release(self) -> None:
            """Leave the camera."""

    monkeypatch.setattr("cv2.VideoCapture", Shown)
    write_clip(tmp_path / "a.mp4", [np.full((64, 64, 3), 99, np.uint8)] * 3)
    for given in (
        {"source": photos},
        {"source": photos / "live" / "s0" / "0.png"},
        {"source": tmp_path / "a.mp4"},
        {"source": photos / "live", "clips": True},
        {"camera": 0, "seconds": 0.1, "frames": "count=1"},
        {"bona_fide": photos / "live"},
    ):
        source = given.pop("source", None)
        found = facewarden.score(source, quality="off", **given)  # type: ignore[arg-type]
        assert found.warnings[0] == COLOR_ALONE
        assert (asked.pop(), found.model, asked) == ("color_cnn", "color_cnn", [])
    two: dict[str, Any] = {"bona_fide": photos / "live", "attacks": photos / "spoof"}
    assert facewarden.evaluate("presentation", **two).warnings[0] == COLOR_ALONE
    facewarden.attack(**two, method="noise", samples=1)
    report = facewarden.audit(**two, preset="quick", out="run", workers=1).report
    assert set(asked) == {"color_cnn"}
    assert report.title.startswith("Audit of color_cnn")
    assert "--detector color_cnn" in report.command


def test_an_audit_that_simulates_its_captures_is_of_multi_cnn(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(needs: object) -> None:
        raise BadInputError("stop", hint="")

    monkeypatch.setattr(audit_module, "check_needs", stop)
    for faces in (None, "orl"):
        with pytest.raises(BadInputError, match="stop"):
            facewarden.audit(faces=faces, preset="quick")
    assert asked == ["multi_cnn"] * 2


def test_scores_that_are_there_choose_no_detector(
    color: Path, asked: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    facewarden.score(color, detector="mine", out="s.csv")
    found = facewarden.evaluate("presentation", scores="s.csv")
    assert (found.warnings, asked, caplog.messages.count(COLOR_ALONE)) == ((), ["mine"], 0)


def test_the_command_of_a_report_makes_it_again_and_no_record_has_the_word(
    color: Path, sensors: Path, tmp_path: Path
) -> None:
    made: dict[str, Any] = {"preset": "quick", "workers": 1}
    chosen = facewarden.audit(captures=color, out="chosen", **made).report
    assert f"--detector color_cnn --preset quick --captures {color}" in chosen.command
    named = facewarden.audit(captures=color, detector="multi_cnn", out="named", **made).report
    assert f"--detector multi_cnn --preset quick --captures {color}" in named.command
    usual = facewarden.audit(captures=sensors, out="usual", **made).report
    assert usual.command.startswith(f"facewarden audit --preset quick --captures {sensors}")
    for path in (path for name in ("chosen", "named", "usual") for path in Path(name).rglob("*.json")):
        assert '"auto"' not in path.read_text()
    recipes = [json.loads(Path(name, "recipe.json").read_text()) for name in ("chosen", "usual")]
    assert [one["detector"] for one in recipes] == ["color_cnn", "multi_cnn"]
    again = facewarden.audit(captures=color, detector="color_cnn", out="chosen", resume=True, **made).report
    assert again == chosen  # the same run, whether it was named or not


def test_an_audit_of_multi_cnn_on_color_alone_is_gone_on_with_by_name_alone(color: Path) -> None:
    made: dict[str, Any] = {"preset": "quick", "workers": 1, "captures": color, "out": "run"}
    first = facewarden.audit(detector="multi_cnn", **made).report
    with pytest.raises(BadInputError, match="run holds a run of multi_cnn; no detector was named") as refused:
        facewarden.audit(resume=True, **made)
    assert str(refused.value.hint).startswith("--detector multi_cnn")
    with pytest.raises(BadInputError, match="holds a run already"):
        facewarden.audit(**made)
    assert facewarden.audit(detector="multi_cnn", resume=True, **made).report == first


def test_repeats_choose_once(color: Path, asked: list[str], caplog: pytest.LogCaptureFixture) -> None:
    facewarden.audit(captures=color, preset="quick", workers=1, repeat=2, out="repeats")
    assert asked == ["color_cnn"] * 2
    assert caplog.messages.count(COLOR_ALONE) == 1


def test_a_monitor_makes_no_audit_of_another_detector_unless_it_is_named(color: Path, asked: list[str]) -> None:
    made: dict[str, Any] = {"captures": color, "preset": "quick", "workers": 1}
    AuditOptions(detector="multi_cnn", **made).run(Path("m/audits/20260101T000000Z"))
    for name in ("20260102T000000Z", "20260101T000000Z"):  # the next one, and the same one
        with pytest.raises(BadInputError, match="20260101T000000Z holds a run of multi_cnn; no detector was named"):
            AuditOptions(**made).run(Path("m/audits", name))
    assert not Path("m/audits/20260102T000000Z").exists()
    AuditOptions(detector="multi_cnn", **made).run(Path("m/audits/20260102T000000Z"))
    asked.clear()
    AuditOptions(**made).run(Path("n/audits/20260101T000000Z"))
    AuditOptions(**made).run(Path("n/audits/20260102T000000Z"))
    assert asked == ["color_cnn"] * 2
    assert AuditOptions().given() == []
    with pytest.raises(BadInputError, match="detector: of reports that are there nothing is audited"):
        facewarden.monitor("n", detector="color_cnn")


def test_every_shard_chooses_by_the_whole_source(color: Path, sensors: Path) -> None:
    for source, wanted in ((color, "color_cnn"), (sensors, "multi_cnn")):
        shards = [Path(f"{wanted}{number}.csv") for number in (1, 2, 3)]
        for number, out in enumerate(shards, start=1):
            facewarden.score(source, shard=f"{number}/3", out=out)
        assert {read_records(out)[0].about["settings"]["detector"] for out in shards} == {wanted}
        facewarden.merge(shards, out=f"{wanted}.csv")
        assert set(read_table(Path(f"{wanted}.csv"))["model"]) == {wanted}


@pytest.mark.parametrize("verb", ["score", "evaluate"])
def test_shards_of_two_detectors_are_not_merged(verb: str, color: Path) -> None:
    def run(shard: str, out: str, **given: Any) -> None:
        if verb == "score":
            facewarden.score(color, shard=shard, out=f"{out}.csv", **given)
        else:
            facewarden.evaluate("presentation", captures=color, shard=shard, out=out, **given)

    places = [f"{name}.csv" if verb == "score" else name for name in ("one", "two")]
    run("1/2", "one", detector="multi_cnn")  # as it was chosen before
    run("2/2", "two")
    with pytest.raises(BadInputError, match=r"detector differ: .?multi_cnn.? in one.*color_cnn") as refused:
        facewarden.merge(places, out="whole.csv" if verb == "score" else "whole")
    assert "--detector multi_cnn" in str(refused.value.hint)
    run("1/2", "one")
    facewarden.merge(places, out="whole.csv" if verb == "score" else "whole")


def test_the_command_line_says_it_once_on_standard_error(
    photos: Path, color: Path, sensors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (
        ["score", str(photos)],
        ["score", str(color)],
        ["evaluate", "presentation", "--captures", str(color)],
        ["attack", str(color), "--method", "noise", "--samples", "1"],
        ["audit", "--captures", str(color), "--preset", "quick", "--workers", "1", "--out", "run"],
        ["monitor", "--captures", str(color), "--preset", "quick", "--workers", "1", "--once", "--out", "m"],
    ):
        assert main(command) == 0
        told = capsys.readouterr()
        assert told.err.count(COLOR_ALONE) == 1, command
        assert COLOR_ALONE not in told.out
    assert main(["score", str(color), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == [COLOR_ALONE]
    for command in (["score", str(sensors)], ["score", str(color), "--quiet"]):
        assert main(command) == 0
        assert COLOR_ALONE not in capsys.readouterr().err


def test_settings_without_a_name_are_for_the_chosen_one_and_a_folder_of_that_name_is_none(
    color: Path, tmp_path: Path, asked: list[str]
) -> None:
    (tmp_path / "auto").mkdir()
    assert main(["score", str(color)]) == 0
    assert main(["score", str(color), "--set", "precision=bfloat16"]) == 0
    assert asked == ["color_cnn", 'color_cnn{"precision": "bfloat16"}']
