"""Outside libraries attack a multitask detector through its wrapper, and get what the attacks here get."""

from __future__ import annotations

import warnings

import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the oracles' own imports say is not about us
    import foolbox
    import torchattacks

from facewarden.attacks.fgsm import FGSM
from facewarden.attacks.pgd import PGD
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import goal_of
from facewarden.core.threat import ThreatModel
from facewarden.nn.gradient_sources.outside_logits import OutsideLogits
from facewarden.pad.multitask import Multitask
from many_heads import ManyHeads, toy_faces

EPS = 4 / 255


# property 11 of the specification of SFA
def test_a_detector_with_six_heads_gives_outside_libraries_one_tensor_of_two_logits() -> None:
    model = Multitask.untrained({"size": 32}, seed=0).requires_grad_(False).eval()
    batch = toy_faces(6)
    images = torch.nn.functional.interpolate(batch.images["rgb"], size=32)
    logits = OutsideLogits(model, threshold=0.25)(images)
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (6, 2)
    score = model(type(batch)(images={"rgb": images}, key=batch.key)).score
    assert torch.equal(logits.argmax(dim=1) == 1, score > 0.25)
    assert OutsideLogits(model, head="spoof_type")(images).shape == (6, 11)
    with pytest.raises(BadInputError, match="maps"):
        OutsideLogits(model, head="depth_map")(images)
    with pytest.raises(BadInputError, match="no head 'smile'"):
        OutsideLogits(model, head="smile")


def test_libraries_get_the_same_images_as_the_attacks_here() -> None:
    model, batch = ManyHeads(seed=1), toy_faces(8)
    assert batch.label is not None
    images, threat = batch.images["rgb"], ThreatModel(eps=EPS)
    network = OutsideLogits(model, batch=batch)
    goal = Evade(model, batch, threshold=0.0, loss="cross_entropy")
    ours = FGSM()(goal, threat).images["rgb"]
    assert torch.equal(ours, torchattacks.FGSM(network, eps=EPS)(images, batch.label))
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    wrapped = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    assert torch.equal(ours, attack(wrapped, images, batch.label, epsilons=EPS)[1])
    walked = PGD(steps=5, step_size=1 / 255, random_start=False)(goal, threat).images["rgb"]
    theirs = torchattacks.PGD(network, eps=EPS, alpha=1 / 255, steps=5, random_start=False)
    assert torch.equal(walked, theirs(images, batch.label))
    head = goal_of(model, batch, head="type", threshold=0.0)
    through = torchattacks.FGSM(OutsideLogits(model, head="type"), eps=EPS)(images, batch.tasks["type"])
    assert torch.equal(FGSM()(head, threat).images["rgb"], through)
