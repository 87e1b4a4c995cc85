"""Copies that attacks read gradients of: equal to the model, or the model itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from facewarden.attacks.pgd import PGD
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.compute.folding import lay_out
from facewarden.core.compute.gradient_copy import detector_for_gradients
from facewarden.core.compute.packed import PackedConvolution, can_pack
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import Impersonate, PushAway
from facewarden.core.objective import TransformedObjective
from facewarden.core.people.goals import LeaveHull, RepelEachOther, TowardsAnchor
from facewarden.core.roles import Detector, PadOutput, Recognizer
from facewarden.core.threat import ThreatModel
from facewarden.experiments.cloaking.cloak_recipe import Best, Mean
from stand_ins import make_batch, make_faces

LAYERS = {
    "1x1": {"kernel_size": 1},
    "3x3": {"kernel_size": 3, "padding": 1},
    "3x3 without padding": {"kernel_size": 3},
    "3x5": {"kernel_size": (3, 5), "padding": (1, 2)},
    "strided": {"kernel_size": 3, "padding": 1, "stride": 2},
    "dilated": {"kernel_size": 3, "padding": 2, "dilation": 2},
    "wide padding": {"kernel_size": 1, "padding": 1},
    "without bias": {"kernel_size": 3, "padding": 1, "bias": False},
}


def both(layer: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Output and gradient with respect to the images."""
    inputs = images.clone().requires_grad_(True)
    output = layer(inputs)
    weights = torch.linspace(-1.0, 1.0, output[0].numel()).view(output.shape[1:])
    return output.detach(), torch.autograd.grad((output * weights).sum(), inputs)[0]


@pytest.mark.parametrize("name", LAYERS)
def test_a_packed_convolution_is_the_convolution(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 32, **LAYERS[name]).requires_grad_(False)  # type: ignore[arg-type]
    packed = PackedConvolution(layer)
    for shape in ((3, 16, 9, 11), (1, 16, 9, 11), (3, 16, 8, 8), (3, 16, 9, 11)):  # also of other sizes, in turn
        images = torch.randn(shape)
        for found, expected in zip(both(packed, images), both(layer, images), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    for unknown in (torch.randn(2, 16, 8, 8).double(), torch.randn(0, 16, 8, 8)):
        layer.to(unknown.dtype)
        assert torch.equal(packed(unknown), layer(unknown))


def test_only_large_plain_convolutions_are_packed() -> None:
    layers = [nn.Conv2d(64, 256, 1), nn.Conv2d(64, 255, 1), nn.Conv2d(256, 256, 3, groups=32), nn.Linear(256, 256)]
    layers += [nn.Conv2d(64, 64, 3, padding="same"), nn.Conv2d(64, 64, 3, padding=1, padding_mode="reflect")]
    assert [can_pack(layer) for layer in layers] == [True, False, False, False, False, False]


def test_a_packed_convolution_follows_autocast() -> None:
    torch.manual_seed(0)
    layer, images = nn.Conv2d(16, 32, 3, padding=1).requires_grad_(False), torch.randn(2, 16, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, gradient = both(PackedConvolution(layer), images)
    assert output.dtype == torch.bfloat16
    assert gradient.dtype == torch.float32
    expected, expected_gradient = both(layer, images)
    assert float((output.float() - expected).norm() / expected.norm()) < 0.02
    assert float((gradient - expected_gradient).norm() / expected_gradient.norm()) < 0.02


class Block(nn.Module):
    """A residual block; what is done with the first convolution's output is an argument."""

    def __init__(self, use: Callable[[Block, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.second, self.last = nn.Conv2d(16, 16, 9, padding=4), nn.BatchNorm2d(16)
        self.use = use

    def forward(self, images: Tensor) -> Tensor:
        if self.use is not None:
            return self.use(self, images)
        inner = self.norm(self.first(images)).relu_()
        return inner + self.last(self.second(inner))


def trained_block(use: Callable[[Block, Tensor], Tensor] | None = None) -> Block:
    """A block whose normalizations change something."""
    torch.manual_seed(1)
    block = Block(use)
    for norm in (block.norm, block.last):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        nn.init.uniform_(norm.weight, 0.5, 2.0)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    return block.eval().requires_grad_(False)


class Convolutional(Detector):
    """A detector of one block."""

    card = Card(name="convolutional", summary="A stand-in.", role="pad")

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.eval()

    def predict(self, batch: FaceBatch) -> PadOutput:
        """The mean of some channels."""
        return PadOutput(self.block(batch.images["rgb"])[:, ::3].mean(dim=(1, 2, 3)))


class Embedder(Recognizer):
    """A recognizer of one block."""

    card = Card(name="embedder", summary="A stand-in.", role="recognizer")
    dim = 16

    def __init__(self) -> None:
        super().__init__()
        self.block = trained_block()
        self.eval()

    def features(self, images: Tensor) -> Tensor:
        """Means of channels."""
        return self.block(images).mean(dim=(2, 3))


BATCH = make_batch(4, modalities=["rgb"])


def test_normalizations_are_folded_and_gradients_stay() -> None:
    detector = Convolutional(trained_block())
    copied = detector_for_gradients(detector, BATCH)
    assert copied is not detector
    assert copied is detector_for_gradients(detector, BATCH)
    assert not [module for module in copied.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len([module for module in detector.modules() if isinstance(module, nn.BatchNorm2d)]) == 2
    images = torch.rand(3, 3, 20, 20)
    for found, expected in zip(both(copied.get_submodule("block"), images), both(detector.block, images), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def read_twice(block: Block, images: Tensor) -> Tensor:
    """The first output goes two ways."""
    first = block.first(images)
    return block.norm(first) + first


def with_other_norm(block: Block, images: Tensor) -> Tensor:
    """One convolution in front of two normalizations."""
    return block.norm(block.first(images)) + block.last(block.first(images))


def outside(block: Block, images: Tensor) -> Tensor:
    """The weights are used beside the module."""
    return block.norm(block.first(images)) + nn.functional.conv2d(images, block.first.weight, padding=1)


@pytest.mark.parametrize("use", [read_twice, with_other_norm, outside])
def test_what_cannot_be_folded_keeps_its_gradients(use: Callable[[Block, Tensor], Tensor]) -> None:
    detector = Convolutional(trained_block(use))
    copied = detector_for_gradients(detector, BATCH)
    images = torch.rand(3, 3, 20, 20)
    for found, expected in zip(both(copied.get_submodule("block"), images), both(detector.block, images), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (copied is detector) == (use is not with_other_norm)  # which is only laid out
    assert lay_out(nn.Linear(3, 3), lambda: None) is False


def test_a_model_is_used_itself_in_training_when_watched_and_after_its_weights_change() -> None:
    training = Convolutional(trained_block())
    training.block.train()
    assert detector_for_gradients(training, BATCH) is training
    watched = Convolutional(trained_block())
    watched.block.register_forward_hook(lambda *_: None)
    assert detector_for_gradients(watched, BATCH) is watched
    changed = Convolutional(trained_block())
    assert detector_for_gradients(changed, BATCH) is not changed
    with torch.no_grad():
        next(changed.parameters()).add_(0.1)
    for _ in range(2):
        assert detector_for_gradients(changed, BATCH) is changed


def test_a_model_that_cannot_be_copied_is_used_itself() -> None:
    detector = Convolutional(trained_block())
    detector.lock = Path(__file__).open(encoding="utf-8")  # type: ignore[assignment]  # noqa: SIM115
    try:
        assert detector_for_gradients(detector, BATCH) is detector
    finally:
        detector.lock.close()  # type: ignore[operator,union-attr]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("goal", ["detector", "recognizer", "through a view"])
def test_attacks_reach_what_they_reach_without_copies(
    goal: str, precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> Any:
        if goal == "detector":
            return Evade(Convolutional(trained_block()), BATCH, threshold=0.0)
        away = PushAway([Embedder()], make_faces(3), keys=("a", "b", "c"))
        return away if goal == "recognizer" else TransformedObjective(away, lambda seen: {"rgb": seen["rgb"] * 0.9})

    attack, threat = PGD(steps=4, precision=precision), ThreatModel(eps=0.03)
    found = attack(make(), threat, seed=3)
    plain = make()
    monkeypatch.setattr(type(plain), "for_gradients", lambda self: self)
    expected = attack(plain, threat, seed=3)
    assert plain.for_gradients() is plain
    assert make().select([0]).keys == plain.keys[:1]
    assert found.success.tolist() == expected.success.tolist()
    tolerance = 1e-4 if precision == "float32" else 3e-2
    torch.testing.assert_close(found.loss, expected.loss, rtol=tolerance, atol=tolerance)
    assert found.gradient_calls == expected.gradient_calls == 4


class Noting:
    """A goal's loss that counts how often it is asked with gradients."""

    asked = 0

    def loss(self, images: Any) -> Tensor:
        self.asked += torch.is_grad_enabled()
        return super().loss(images)  # type: ignore[misc,no-any-return]


class NotingEvade(Noting, Evade): ...


class NotingPushAway(Noting, PushAway): ...


class NotingView(Noting, TransformedObjective): ...


def noting_goals() -> dict[str, Any]:
    away = NotingPushAway([Embedder()], make_faces(3), keys=("a", "b", "c"))
    evade = Evade(Convolutional(trained_block()), BATCH, threshold=0.0)
    return {
        "detector": NotingEvade(evade.detector, BATCH, threshold=0.0),
        "recognizer": away,
        "view": NotingView(evade, lambda seen: seen),
    }


@pytest.mark.parametrize("goal", ["detector", "recognizer", "view"])
def test_a_goal_with_a_loss_of_its_own_is_asked_itself(goal: str) -> None:
    made = noting_goals()[goal]
    PGD(steps=2)(made, ThreatModel(eps=0.03), seed=3)
    assert made.asked == 2


@pytest.mark.parametrize("kind", [PushAway, Impersonate, LeaveHull, RepelEachOther, TowardsAnchor, Best, Mean])
def test_goals_of_the_package_on_recognizers_are_copied(kind: Any) -> None:
    assert Embedder().differentiable
    images, keys = make_faces(3), ("a", "b", "c")
    more: dict[str, Any] = {"people": keys} if kind in (LeaveHull, RepelEachOther, TowardsAnchor) else {}
    more |= {Impersonate: {"targets": images.flip(0)}, TowardsAnchor: {"anchors": images.flip(0)}}.get(kind, {})
    goal = kind([PushAway([Embedder()], images, keys=keys)]) if kind in (Best, Mean) else None
    goal = goal or kind([Embedder()], images, keys=keys, **more)
    copied = goal.for_gradients()
    models = [each.parts[0].recognizers[0] if kind in (Best, Mean) else each.recognizers[0] for each in (goal, copied)]
    assert models[0] is not models[1]
