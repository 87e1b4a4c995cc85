"""An audit looks at its needs first, leaves out by name what it cannot measure, and always writes its report."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from tests.stand_ins import TinyRecognizer
from tests.tiny_captures import write_captures
from torch import Tensor

from facewarden.auditing.recognizer import with_vectors
from facewarden.auditing.request import measured_or_left_out
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, NotFiniteError, RunError
from facewarden.core.roles import Detector, PadOutput, Recognizer
from facewarden.data.manifest import Manifest
from facewarden.photos.aligned import AlignedFaces
from facewarden.reporting.document import Section
from facewarden.verbs.attack import attack
from facewarden.verbs.audit import audit
from facewarden.verbs.score import score


class Bright(Detector):
    """Bona fide captures are brighter; a white frame gives NaN."""

    card = Card("bright", "brightness", "pad")

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(10.0 * sign), requires_grad=False)

    def predict(self, batch: Any) -> PadOutput:
        mean = batch.images["rgb"].mean(dim=(1, 2, 3))
        return PadOutput(self.weight * (mean - 0.35) / (mean < 0.999))


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    (tmp_path / "set").mkdir()
    return write_captures(tmp_path / "set")


def people(folder: Path, *, photos: int) -> Path:
    for who in range(3):
        (folder / f"p{who}").mkdir(parents=True)
        for number in range(photos):
            cv2.imwrite(str(folder / f"p{who}" / f"{number}.png"), np.full((60, 60, 3), 50 * who + number, np.uint8))
    return folder


def run(captures: Path, tmp_path: Path, **options: Any) -> Any:
    given = {"detector": Bright(), "recognizer": TinyRecognizer(4), "surrogate": TinyRecognizer(5), **options}
    return audit(captures=captures, preset="quick", out=tmp_path / "run", **given)


def test_people_of_too_few_photos_are_said_before_any_work_and_the_report_is_written(
    captures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="facewarden"):
        found = run(captures, tmp_path, faces=str(people(tmp_path / "faces", photos=2)))
    said = [record.getMessage() for record in caplog.records]
    reason = "only 0 of 3 people have 4 photos or more"
    assert f"the cloaking of gallery photos will not be measured: {reason}" in said
    assert found.html.is_file()
    (left,) = found.report.poisoning.left_out
    assert (left.what, left.why) == ("cloaking of gallery photos", reason)
    assert found.report.presentation.metrics
    assert found.report.perturbation.metrics


def test_faces_that_nobody_finds_leave_out_the_section_and_not_the_report(captures: Path, tmp_path: Path) -> None:
    found = run(captures, tmp_path, faces=str(people(tmp_path / "faces", photos=4)))
    (left,) = found.report.poisoning.left_out
    assert "no face could be used of 12 photos" in left.why
    assert found.report.presentation.metrics
    assert found.html.is_file()


def test_nan_of_one_capture_costs_that_capture_and_is_named(
    captures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cv2.imwrite(str(captures.parent / "test3.png"), np.full((48, 48, 3), 255, np.uint8))
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        found = run(captures, tmp_path, faces=str(people(tmp_path / "faces", photos=2)))
    section = found.report.presentation
    assert section.skipped == {"the detector's score is NaN or infinite": 1}
    assert "1 of 24 captures have no score and are in no rate: test3 (" in caplog.text
    assert "test3.png)" in caplog.text
    assert next(metric.n for metric in section.metrics if metric.name == "bpcer") == 5
    scored = score(captures, detector=Bright(), out=tmp_path / "scores.csv")
    assert "test3" not in scored.key
    (row,) = [row for row in (tmp_path / "scores.csv").read_text().splitlines() if row.startswith("test3,")]
    assert row.startswith("test3,,1,bona_fide")
    assert "the detector's score is NaN or infinite" in row


def test_captures_that_cannot_be_scored_leave_both_sections_out_of_a_report_that_is_written(
    captures: Path, tmp_path: Path
) -> None:
    for path in captures.parent.glob("*.png"):
        path.write_bytes(b"")
    found = run(captures, tmp_path, faces=str(people(tmp_path / "faces", photos=2)))
    assert found.html.is_file()
    assert "none of 24 captures could be scored" in found.report.presentation.left_out[0].why
    assert "no threshold" in found.report.perturbation.left_out[0].why


def test_scores_that_look_reversed_stand_first_in_the_finding(captures: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(captures)
    replace(manifest, rows=tuple(replace(row, subject=row.key) for row in manifest)).write(captures)
    found = run(captures, tmp_path, detector=Bright(-1.0), faces=str(people(tmp_path / "faces", photos=2)))
    assert found.report.presentation.finding.startswith("The scores look reversed: AUC 0.00")


def test_captures_without_a_class_are_refused_before_the_run_begins(captures: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(captures)
    rows = tuple(row for row in manifest if row.split != "dev" or row.bona_fide)
    replace(manifest, rows=rows).write(captures)
    with pytest.raises(BadInputError, match="no attack row in split dev"):
        run(captures, tmp_path)
    assert not (tmp_path / "run").exists()


def test_a_run_that_cannot_be_written_is_no_section_left_out() -> None:
    def full() -> Section:
        raise RunError("cannot write the run", hint="free space")

    with pytest.raises(RunError):
        measured_or_left_out("presentation", "all", full)


class Gray(Recognizer):
    """No number for gray faces."""

    card = Card("gray", "no number for gray", "recognizer")
    dim = 3

    def features(self, images: Tensor) -> Tensor:
        mean = images.mean(dim=(2, 3))
        return mean / (mean.amax(dim=1) - mean.amin(dim=1) > 0.01)[:, None]


def test_faces_without_a_vector_are_named_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    crops = np.full((40, 112, 112, 3), 90, np.uint8)
    crops[:, :, :, 0] = 200
    crops[[3, 35]] = 90
    keys = tuple(f"k{row}" for row in range(40))
    faces = AlignedFaces(crops, ("a",) * 40, keys, "set", False, {})
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        kept = with_vectors(faces, [Gray()])
    assert len(kept) == 38
    assert {"k3", "k35"}.isdisjoint(kept.key)
    assert kept.skipped == {"the recognizer's embedding is NaN, infinite or zero": 2}
    assert "2 photos are left out" in caplog.text
    assert "k3, k35" in caplog.text
    with pytest.raises(NotFiniteError, match="in 2 of them, first in 3"):
        Gray().embed(faces.images(range(40)))


class BrightOrNear(Bright):
    """Bona fide captures are brighter, and nearer where their depth is known."""

    modalities = ("rgb", "depth")
    optional = frozenset({"depth"})

    def predict(self, batch: Any) -> PadOutput:
        near = batch.images["depth"].mean(dim=(1, 2, 3)) * batch.present["depth"] if "depth" in batch.images else 0.0
        return PadOutput(super().predict(batch).score + near)


def test_sensors_that_the_captures_lack_are_left_out_by_name_and_the_others_are_attacked(
    captures: Path, tmp_path: Path
) -> None:
    found = run(captures, tmp_path, detector=BrightOrNear(), faces=str(people(tmp_path / "faces", photos=4)))
    section = found.report.perturbation
    assert {metric.group["modalities"] for metric in section.metrics if metric.name == "success_rate"} == {"rgb"}
    assert [one.why for one in section.left_out if one.what == "changes of depth"] == ["the attacked captures lack it"]


def test_an_attack_on_a_sensor_that_the_captures_lack_says_so(captures: Path) -> None:
    with pytest.raises(BadInputError, match="not every attacked capture has depth"):
        attack(captures, detector=BrightOrNear(), modalities="depth", samples=4)
