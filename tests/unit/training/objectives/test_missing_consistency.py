"""Prompts by case and features that stay: what is taken away, the total from its terms, which prompts are read."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES
from facewarden.pad.vp_fas_like import VpFasLike
from facewarden.training.objectives.missing_consistency import MissingConsistency, without_some
from stand_ins import TinyDetector, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 1, "prompts": 2}


def faces(count: int = 6) -> FaceBatch:
    return replace(make_batch(count, size=32), box=None, tasks={})


def detector() -> VpFasLike:
    return VpFasLike.untrained(TINY, seed=0).eval()


def test_one_or_two_sensors_are_taken_and_never_the_last() -> None:
    batch = replace(make_batch(300, size=4), box=None, tasks={})
    present = {m: torch.ones(300, dtype=torch.bool) for m in MODALITIES}
    present["depth"][:50] = False
    present["infrared"][:20] = False
    batch = replace(batch, present=present)
    torch.manual_seed(0)
    found = without_some(batch)
    before = torch.stack([batch.present[m] for m in MODALITIES])
    after = torch.stack([found.present[m] for m in MODALITIES])
    assert not bool((after & ~before).any())
    lost = (before.int() - after.int()).sum(dim=0)
    assert lost[:20].tolist() == [0] * 20, "the only sensor stays"
    assert lost[20:50].tolist() == [1] * 30
    assert set(lost[50:].tolist()) == {1, 2}
    assert (after[:, 50:].float().mean(dim=1) - 0.5).abs().max() < 0.1, "each sensor as often as the others"


def test_the_total_is_the_sum_of_its_terms() -> None:
    model, batch = detector(), faces()
    torch.manual_seed(2)
    loss = MissingConsistency(weight=0.7)(model, batch)
    torch.manual_seed(2)
    masked = without_some(batch)
    whole, part = model(batch), model(masked)
    assert batch.label is not None
    assert whole.features is not None
    assert part.features is not None
    terms = []
    for i, m in enumerate(MODALITIES):
        one, other = (x.features[:, 192 * i : 192 * i + 192] for x in (part, whole))
        terms += (1 - F.cosine_similarity(one, other, dim=1))[masked.present[m]].tolist()
    label = batch.label.float()
    total = (
        F.binary_cross_entropy_with_logits(whole.score, label)
        + F.binary_cross_entropy_with_logits(part.score, label)
        + 0.7 * sum(terms) / len(terms)
    )
    torch.testing.assert_close(loss.total, total, atol=1e-5, rtol=1e-5)


def test_prompts_are_those_of_the_case_and_reach_the_features() -> None:
    model, batch = detector(), faces(2)
    batch = replace(batch, present={**batch.present, "depth": torch.tensor([True, False])})
    model.requires_grad_(True)
    features = model(batch).features
    assert features is not None
    features.square().sum().backward()
    for m in MODALITIES:
        gradient = model.network.prompts[m].grad
        assert gradient is not None
        used = gradient.flatten(1).abs().sum(dim=1).gt(0).nonzero().flatten().tolist()
        assert used == ([7] if m == "depth" else [5, 7]), "an absent sensor's tokens are not scored"


def test_without_prompts_it_is_the_plain_transformer() -> None:
    model = detector()
    images, _ = model.prepare(faces(2))
    network = model.network
    for m in MODALITIES:
        assert network.prompts[m].shape == (8, 2, 192)
        network.prompts[m].data = torch.zeros(8, 0, 192)
    _, features = network(images)
    torch.testing.assert_close(features, network.streams(images).transpose(0, 1).flatten(1), atol=1e-5, rtol=1e-5)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ContractError, match="needs rgb for every sample"):
        MissingConsistency()(TinyDetector(), faces())
    with pytest.raises(BadInputError, match="weight -1"):
        MissingConsistency(weight=-1.0)
