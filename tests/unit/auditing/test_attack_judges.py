"""The recognizer and the second camera beside attacks: known answers, and what is in no rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from facewarden.auditing.attack_judges import CAMERA, MATCH, MATCHED, MATCHED_CLEAN, UNASKED, judges_of, witness_of
from facewarden.auditing.judged_attacks import AFTER, BEFORE, CLEAN_MATCHING, MATCHING, judged_metrics, judged_table
from facewarden.auditing.presets import preset_named
from facewarden.auditing.request import AuditRequest
from facewarden.core.attack import Attack
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.roles import Detector, PadOutput, Recognizer
from facewarden.core.threat import ThreatModel
from facewarden.data.manifest import Manifest
from facewarden.data.simulate.sensor.retake import retaken
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, attack_cell
from tiny_captures import write_captures

POINTS = ((16.0, 18.0), (32.0, 18.0), (24.0, 26.0), (18.0, 33.0), (30.0, 33.0))


class Bright(Detector):
    """Bright frames are bona fide."""

    card = Card("bright", "bright", "pad")
    modalities = ("rgb",)

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput((batch.images["rgb"].mean(dim=(1, 2, 3)) - 0.4) * 10)


class Left(Recognizer):
    """Is the left of the face brighter than the right?"""

    dim = 2

    def __init__(self, threshold: float | None = 0.5) -> None:
        super().__init__()
        self.card = Card("left", "left", "recognizer", match_threshold=threshold)

    def features(self, images: Tensor) -> Tensor:
        left, right = images[..., :56].mean(dim=(1, 2, 3)), images[..., 56:].mean(dim=(1, 2, 3))
        return torch.stack([torch.ones_like(left) * 0.05, left - right], dim=1)


def frames(*sides: tuple[float, float]) -> Tensor:
    """48 px frames, brightness of the left and of the right half."""
    made = torch.zeros(len(sides), 3, 48, 48)
    for row, (left, right) in enumerate(sides):
        made[row, ..., :24], made[row, ..., 24:] = left, right
    return made


def batch_of(images: Tensor, labels: list[int], keys: tuple[str, ...], people: tuple[str, ...]) -> FaceBatch:
    return FaceBatch(images={"rgb": images}, key=keys, label=torch.tensor(labels), subject=people,
                     species=("print_flat",) * len(keys))  # fmt: skip


def manifest(folder: Path) -> Manifest:
    found = Manifest.read(write_captures(folder))
    return replace(found, rows=tuple(replace(row, landmarks=POINTS) for row in found))


def request(recognizer: Recognizer) -> AuditRequest:
    return AuditRequest(recognizer, (), None, None, preset_named("quick"), "eer", 0)


def test_an_attack_that_destroys_the_face_no_longer_matches(tmp_path: Path) -> None:
    captures = manifest(tmp_path)
    tests = list(captures.where(split="test"))
    witness, left_out = witness_of(request(Left()), captures, tests)
    assert witness is not None
    assert not left_out
    victims = tuple(witness.references)[:1]
    witness.references[victims[0]].copy_(torch.tensor([0.0, 1.0]))  # the victim is brighter on the left
    key = next(row.key for row in tests if row.subject == victims[0] and row.label == 0)
    judge = judges_of(Bright(), 0.0, witness, seed=0)[MATCH]
    clean = batch_of(frames((0.5, 0.1)), [0], (key,), victims)
    kept = clean.with_images({"rgb": frames((0.9, 0.5))})
    gone = clean.with_images({"rgb": frames((0.5, 0.9))})
    assert list(judge(clean, kept)) == [MATCHED + MATCHED_CLEAN]
    assert list(judge(clean, gone)) == [MATCHED_CLEAN]
    bona_fide = batch_of(frames((0.5, 0.1)), [1], (key,), victims)
    assert list(judge(bona_fide, bona_fide)) == [UNASKED]
    stranger = batch_of(frames((0.5, 0.1)), [0], (key,), ("nobody",))
    assert list(judge(stranger, stranger)) == [UNASKED]


def test_a_recognizer_without_a_threshold_and_captures_without_landmarks_say_why(tmp_path: Path) -> None:
    captures = manifest(tmp_path)
    tests = list(captures.where(split="test"))
    found, left_out = witness_of(request(Left(None)), captures, tests)
    assert found is None
    assert "no match_threshold" in left_out[0].why
    bare = replace(captures, rows=tuple(replace(row, landmarks=None) for row in captures))
    found, left_out = witness_of(request(Left()), bare, list(bare.where(split="test")))
    assert found is None
    assert "landmarks" in left_out[0].why


class LeftIsReal(Detector):
    """Frames that are brighter on the left are bona fide, whatever the exposure."""

    card = Card("left", "left", "pad")
    modalities = ("rgb",)

    def predict(self, batch: FaceBatch) -> PadOutput:
        images = batch.images["rgb"]
        return PadOutput(images[..., :24].mean(dim=(1, 2, 3)) - images[..., 24:].mean(dim=(1, 2, 3)))


def test_the_camera_decides_again_and_what_it_accepts_clean_is_in_no_rate() -> None:
    judge = judges_of(LeftIsReal(), 0.0, None, seed=0)[CAMERA]
    right, left = frames((0.2, 0.6)), frames((0.6, 0.2))
    clean = batch_of(torch.cat([right, left, right]), [0, 0, 1], ("spoof", "accepted", "real"), ("a", "b", "c"))
    attacked = clean.with_images({"rgb": torch.cat([left, left, left])})
    assert list(judge(clean, attacked)) == [1, UNASKED, UNASKED]
    assert list(judge(clean, clean)) == [0, UNASKED, UNASKED]


def test_a_camera_is_the_same_for_equal_draws_and_changes_the_picture() -> None:
    picture = np.random.default_rng(0).integers(60, 200, (40, 56, 3)).astype(np.uint8)
    first, again, other = (retaken(np.random.default_rng(seed), picture) for seed in (3, 3, 4))
    assert first.shape == picture.shape
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    # fine noise does not survive the lens
    assert first.astype(float).std() < picture.astype(float).std()


class Whiten(Attack):
    """Everything becomes as bright as the budget allows."""

    needs_gradients = False

    def perturb(self, objective):  # type: ignore[no-untyped-def]
        return {name: image + objective.threat.eps for name, image in objective.clean.items()}


def test_rates_stand_beside_the_success_of_the_same_captures() -> None:
    keys, people = ("a", "b", "c", "d"), ("p", "q", "r", "s")
    clean = batch_of(frames((0.38, 0.38), (0.38, 0.38), (0.1, 0.1), (0.9, 0.9)), [0, 0, 0, 1], keys, people)
    column = {"a": MATCHED + MATCHED_CLEAN, "b": MATCHED_CLEAN, "c": UNASKED, "d": UNASKED}
    judges = {MATCH: lambda before, after: [column[key] for key in before.key],
              CAMERA: lambda before, after: [1, 0, UNASKED, UNASKED]}  # fmt: skip
    cell = AttackRun("whiten", Whiten(), ThreatModel(eps=8 / 255), judged=True)
    setting = AttackSetup(Bright(), Bright(), 0.0, 0.0, [clean], seed=0, judges=judges)
    rows = attack_cell(setting, cell)
    rows["success_alone"] = rows["success"]
    assert rows["success"] == [1, 1, 0, 0]
    metrics = list(judged_metrics([cell], {cell.stage: rows}, simulated=False, seed=0))
    found = {metric.name: (metric.value, metric.n) for metric in metrics}
    assert found == {AFTER: (1.0, 2), BEFORE: (0.5, 2), MATCHING: (0.5, 2), CLEAN_MATCHING: (1.0, 2)}
    assert [metric.simulated for metric in metrics if metric.name == BEFORE] == [True]
    (table,) = judged_table(metrics, "left")
    assert table.rows[0][:3] == ("whiten", "rgb", "8/255")
    assert MATCH not in attack_cell(setting, replace(cell, judged=False))
    assert list(judged_table([], "left")) == []


@pytest.mark.parametrize("preset", ["quick", "standard", "thorough"])
def test_only_the_largest_preset_can_afford_auto_binary(preset: str) -> None:
    assert bool(preset_named(preset).auto_binary) is (preset == "thorough")
