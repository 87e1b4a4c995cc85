"""Every attack on a model of another device than the images: the CPU's images, and results where the caller is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from facewarden.core.attack import AttackResult
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import Impersonate, PushAway
from facewarden.core.head_goal import HeadLoss
from facewarden.core.objective import Objective, TransformedObjective
from facewarden.core.threat import ThreatModel
from facewarden.nn.gradient_sources.sfa_offset import SfaOffset
from many_heads import ManyHeads, random_pair, toy_faces
from registered import build_attack, names
from second_device import second_device
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def second() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


def assert_same(found: AttackResult, expected: AttackResult, *, device: torch.device) -> None:
    for name, image in found.images.items():
        assert image.device == device
        torch.testing.assert_close(image.cpu(), expected.images[name], rtol=0, atol=1e-4)
    for value in (found.success, found.loss, found.distance["rgb"]):
        assert value.device == device
    assert found.success.tolist() == expected.success.tolist()


@pytest.mark.parametrize("name", names("attacks"))
@pytest.mark.parametrize("norm", ["linf", pytest.param("l2", marks=pytest.mark.slow)])
def test_a_detector_is_attacked_where_it_is(name: str, norm: str, second: torch.device) -> None:
    attack = build_attack(name)
    threat = ThreatModel(norm=norm, eps=0.06 if norm == "linf" else 0.6, modalities=("rgb", "depth"))  # type: ignore[arg-type]
    found = {
        (model, images): attack(
            Evade(TinyDetector().to(model), make_batch(4).to(images), threshold=0.0), threat, seed=1
        )
        for model, images in ((CPU, CPU), (second, CPU), (second, second))
    }
    for images in (CPU, second):
        assert_same(found[second, images], found[CPU, CPU], device=images)


@pytest.mark.parametrize("name", ["lowkey", "fawkes", "fawkes_targeted", "tip_im", "ulixes"])
def test_a_face_is_cloaked_where_the_recognizers_are(name: str, second: torch.device) -> None:
    attack = build_attack(name)

    def cloaked(model: torch.device, images: torch.device) -> AttackResult:
        faces, targets = make_faces(2).to(images), make_faces(2, seed=9).to(images)
        models = [TinyRecognizer(seed).to(model) for seed in (4, 5)]
        goal: Objective = PushAway(models, faces, keys=("a", "b"))
        if attack.wants_target:
            goal = Impersonate(models, faces, targets=targets, keys=("a", "b"))
        return attack(goal, ThreatModel(eps=8 / 255), seed=1)

    expected = cloaked(CPU, CPU)
    for images in (CPU, second):
        assert_same(cloaked(second, images), expected, device=images)


def test_goals_through_heads_and_transforms_and_gradient_sources_follow_the_model(second: torch.device) -> None:
    pgd = build_attack("pgd")

    def attacked(model: torch.device, images: torch.device) -> list[AttackResult]:
        detector, batch = ManyHeads(1).to(model), toy_faces(6).to(images)
        goals: list[Objective] = [HeadLoss(detector, batch, head=head, threshold=0.0) for head in detector.heads]
        plain = Evade(detector, batch, threshold=0.0)
        goals.append(TransformedObjective(plain, lambda seen: {"rgb": seen["rgb"] * 0.9}))
        found = [pgd(goal, ThreatModel(eps=0.05), seed=1) for goal in goals]
        return [*found, pgd(plain, ThreatModel(eps=0.05), seed=1, reading=SfaOffset(random_pair().to(model)))]

    expected = attacked(CPU, CPU)
    for images in (CPU, second):
        for one, other in zip(attacked(second, images), expected, strict=True):
            assert_same(one, other, device=images)
