from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import Impersonate, PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import HeadLoss
from facewarden.core.roles import Detector, PadOutput
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces, with_depth


class MeanPixel(Detector):
    """Scores a frame by its mean pixel, times two, minus one."""

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(score=batch.images["rgb"].mean(dim=(1, 2, 3)) * 2 - 1)


def frames(*means: float, label: tuple[int, ...]) -> FaceBatch:
    images = torch.stack([torch.full((3, 2, 2), mean) for mean in means])
    return FaceBatch({"rgb": images}, tuple(map(str, range(len(means)))), label=torch.tensor(label))


def test_evasion_goes_both_ways_and_success_is_the_wrong_decision() -> None:
    # scores 0.5, -0.5, 0.5, -0.5
    batch = frames(0.75, 0.25, 0.75, 0.25, label=(1, 1, 0, 0))
    objective = Evade(MeanPixel(), batch, threshold=0.0)
    torch.testing.assert_close(objective.loss(batch.images), torch.tensor([-0.5, 0.5, 0.5, -0.5]))
    assert objective.success(batch.images).tolist() == [False, True, True, False]


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, False), (0.5001, True), (-1.0, False)])
def test_a_score_at_the_threshold_counts_as_bona_fide(threshold: float, expected: bool) -> None:
    batch = frames(0.75, label=(1,))
    assert Evade(MeanPixel(), batch, threshold=threshold).success(batch.images).tolist() == [expected]


def test_the_threshold_moves_success_and_not_the_loss() -> None:
    batch = frames(0.75, 0.25, label=(1, 0))
    low, high = (Evade(MeanPixel(), batch, threshold=t) for t in (-0.9, 0.9))
    assert low.success(batch.images).tolist() == [False, True]
    assert high.success(batch.images).tolist() == [True, False]
    assert torch.equal(low.loss(batch.images), high.loss(batch.images))


def test_the_cross_entropy_is_that_of_two_logits() -> None:
    batch = frames(0.9, 0.2, label=(1, 0))
    score = MeanPixel()(batch).score
    logits = torch.stack([torch.zeros(2), score], dim=1)
    expected = torch.nn.functional.cross_entropy(logits, batch.label, reduction="none")
    objective = Evade(MeanPixel(), batch, threshold=0.0, loss="cross_entropy")
    torch.testing.assert_close(objective.loss(batch.images), expected)


def test_evasion_needs_labels() -> None:
    with pytest.raises(BadInputError, match="label of every sample"):
        Evade(MeanPixel(), FaceBatch({"rgb": torch.rand(1, 3, 2, 2)}, ("a",)), threshold=0.0)


@pytest.mark.parametrize("differentiable", [True, False])
def test_an_objective_is_as_differentiable_as_its_model(differentiable: bool) -> None:
    detector, recognizer = TinyDetector(), TinyRecognizer()
    detector.differentiable = recognizer.differentiable = differentiable
    faces = make_faces(2)
    goals = [
        Evade(detector, make_batch(), threshold=0.0),
        HeadLoss(detector, with_depth(make_batch()), head="depth", threshold=0.0),
        PushAway([TinyRecognizer(5), recognizer], faces, keys=("a", "b")),
        Impersonate([recognizer], faces, targets=faces, keys=("a", "b")),
    ]
    assert [goal.differentiable for goal in goals] == [differentiable] * 4


def test_push_away_measures_the_cosine_to_the_clean_face() -> None:
    faces, models = make_faces(2), [TinyRecognizer(1), TinyRecognizer(2)]
    objective = PushAway(models, faces, keys=("a", "b"), threshold=0.5)
    torch.testing.assert_close(objective.loss({"rgb": faces}), torch.zeros(2), atol=1e-6, rtol=0)
    assert objective.success({"rgb": faces}).tolist() == [False, False]
    other = make_faces(2, seed=9)
    cosine = torch.stack([(model.embed(other) * model.embed(faces)).sum(dim=1) for model in models])
    torch.testing.assert_close(objective.loss({"rgb": other}), 1 - cosine.mean(dim=0))
    assert torch.equal(objective.success({"rgb": other}), (cosine < 0.5).all(dim=0))


@pytest.mark.parametrize("threshold", [-2.0, 0.1, 2.0])
def test_one_pass_tells_what_two_do(threshold: float) -> None:
    faces, other, model = make_faces(3), make_faces(3, seed=9), TinyRecognizer(1)
    goals = (
        PushAway([model], faces, keys=("a", "b", "c"), threshold=threshold),
        Impersonate([model], faces, targets=make_faces(3, seed=4), keys=("a", "b", "c"), threshold=threshold),
    )
    for goal in goals:
        with patch.object(model, "embed", wraps=model.embed) as read:
            loss, success = goal.evaluate({"rgb": other})
        assert read.call_count == 1
        assert torch.equal(loss, goal.loss({"rgb": other}))
        assert torch.equal(success, goal.success({"rgb": other}))


def test_pushing_away_succeeds_only_when_every_surrogate_is_fooled() -> None:
    faces, other = make_faces(1), make_faces(1, seed=9)
    models = [TinyRecognizer(1), TinyRecognizer(2)]
    cosine = [float((model.embed(other) * model.embed(faces)).sum()) for model in models]
    between = sum(cosine) / 2  # one surrogate is below, the other above
    assert cosine[0] != cosine[1]
    assert PushAway(models, faces, keys=("a",), threshold=between).success({"rgb": other}).tolist() == [False]
    assert PushAway(models, faces, keys=("a",), threshold=max(cosine) + 0.01).success({"rgb": other}).tolist() == [True]


def test_impersonation_climbs_towards_the_target_and_succeeds_there() -> None:
    faces, targets = make_faces(2), make_faces(2, seed=9)
    objective = Impersonate([TinyRecognizer()], faces, targets=targets, keys=("a", "b"), threshold=0.9)
    torch.testing.assert_close(objective.loss({"rgb": targets}), torch.ones(2))
    assert objective.success({"rgb": targets}).tolist() == [True, True]
    assert objective.success({"rgb": faces}).tolist() == [False, False]
    assert bool((objective.loss({"rgb": faces}) < 0.9).all())


@pytest.mark.parametrize("keys", [("a",), ("a", "a"), ("a", "b", "c"), ("a", "b", "b")])
def test_faces_and_keys_must_match_one_to_one(keys: tuple[str, ...]) -> None:
    with pytest.raises(BadInputError, match="2 faces need as many different keys"):
        PushAway([TinyRecognizer()], make_faces(2), keys=keys)


def test_an_embedding_goal_needs_a_recognizer_and_as_many_targets_as_faces() -> None:
    with pytest.raises(BadInputError, match="at least one recognizer"):
        PushAway([], make_faces(1), keys=("a",))
    with pytest.raises(BadInputError, match="3 targets for 2 faces"):
        Impersonate([TinyRecognizer()], make_faces(2), targets=make_faces(3), keys=("a", "b"))


def test_samples_do_not_influence_each_other() -> None:
    detector, batch = TinyDetector(), with_depth(make_batch(4))
    goals: list[tuple[Any, Any]] = [
        (Evade(detector, batch, threshold=0.0), Evade(detector, batch.select([2]), threshold=0.0)),
        (
            HeadLoss(detector, batch, head="depth", threshold=0.0),
            HeadLoss(detector, batch.select([2]), head="depth", threshold=0.0),
        ),
    ]
    moved = {name: image.flip(3) for name, image in batch.images.items()}
    for together, alone in goals:
        single = {name: image[2:3] for name, image in moved.items()}
        torch.testing.assert_close(together.loss(moved)[2:3], alone.loss(single))
