"""The stacked, fused network and its rebalanced gradients against MMDG written the plain way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from facewarden.pad.mmdg import Mmdg
from facewarden.pad.parts.mmdg_settings import MmdgSettings
from facewarden.training.objectives.parts.prototype_objective import StreamLoss
from facewarden.training.objectives.regrad import Regrad
from plain_mmdg import load
from stand_ins import generator, make_batch

plain = load()
SOURCES = ("north", "south", "west")


def acting(preset: str = "paper", *, depth: int = 3, dtype: torch.dtype = torch.float64) -> Mmdg:
    settings = MmdgSettings(trunk="vit_tiny_patch16_224", size=32, depth=depth, preset=preset)  # type: ignore[arg-type]
    detector = Mmdg(settings)
    for name, parameter in detector.network.named_parameters():
        if ".up." in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(len(name))) * 0.1
        if ".norm." in name and "adapters" in name:
            parameter.data = parameter.data + torch.randn(parameter.shape, generator=generator(3)) * 0.2
    detector.requires_grad_(True)
    return detector.to(dtype).eval()  # no dropout


def faces(dtype: torch.dtype = torch.float64) -> Any:
    batch = replace(make_batch(4, size=32), box=None, domain=("north", "south", "north", "south"), tasks={})
    return replace(batch, images={name: image.to(dtype) for name, image in batch.images.items()})


def objective(detector: Mmdg, *, seed: int = 0) -> Regrad:
    made = Regrad(sources=SOURCES)
    width = detector.network.norm.normalized_shape[0]
    made.prototypes.values = torch.randn(3, 4, width, generator=generator(seed))
    made.prototypes.seen = torch.tensor([[True, True, True, False]] * 3)
    return made


def test_outputs_are_those_of_the_plain_network() -> None:
    detector, batch = acting(), faces()
    images, _ = detector.prepare(batch)
    with torch.no_grad():
        logits, tokens, gates = plain.forward(detector.network, images, sampled=False)
        ours = detector.network(images)
    torch.testing.assert_close(ours.logits, logits)
    torch.testing.assert_close(ours.tokens, torch.stack(tokens))
    torch.testing.assert_close(ours.certainty, torch.stack(gates))


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize(("seed", "dtype", "error"), [(0, torch.float64, 1e-9), (1, torch.float32, 1e-4)])
def test_every_gradient_is_that_of_the_plain_step(preset: str, seed: int, dtype: torch.dtype, error: float) -> None:
    detector, batch = acting(preset, dtype=dtype), faces(dtype)
    rule = objective(detector, seed=seed)
    assert rule.prototypes.values is not None
    assert rule.prototypes.seen is not None
    images, _ = detector.prepare(batch)
    wanted = plain.step(
        detector.network,
        images,
        batch.label,
        classes=torch.tensor([1, 0, 1, 0]),
        prototypes=rule.prototypes.values.to(dtype),
        seen=rule.prototypes.seen,
        sampled=False,
    )
    detector.zero_grad(set_to_none=True)
    loss = rule(detector, batch)
    assert isinstance(loss, StreamLoss)
    rule.backward(detector, loss, run=_never)
    found = {name: p.grad for name, p in detector.network.named_parameters() if p.requires_grad}
    assert set(found) == set(wanted)
    for name, gradient in found.items():
        assert gradient is not None, name
        assert float((gradient - wanted[name]).norm() / wanted[name].norm()) < error, name
    assert rule.report is not None
    assert 0 < sum(rule.report.conflicts) < 3, "both cases occurred"


def _never(_: torch.Tensor) -> None:
    raise AssertionError("one summed backward pass cannot give the rule its gradients")
