"""The small MMDA learns: its total, partners by domain, prototypes from k-means, no neighbor in a score."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.pad.mmda import Mmda as Detector
from facewarden.training.objectives.mmda import Mmda, centers
from stand_ins import TinyDetector, generator, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 1, "width": 12, "heads": 2, "prototypes": 2}
SOURCES = ("n", "s")


def faces(count: int = 6, *, seed: int = 0) -> FaceBatch:
    where = tuple(SOURCES[i // 2 % 2] for i in range(count))
    return replace(make_batch(count, size=32, seed=seed), domain=where, box=None, tasks={})


def detector() -> Detector:
    return Detector.untrained({**TINY, "places": 3}, seed=0).eval()


def test_the_total_is_the_sum_of_its_terms() -> None:
    model, batch = detector(), faces()
    rule = Mmda(sources=SOURCES, smoothing=0.1)
    rule.refresh(model, [batch], epoch=0)
    loss = rule(model, batch)
    where = torch.tensor([0, 0, 1, 1, 0, 0])
    output = model.levels(batch, partner=model.network.by_domain[where])
    assert batch.label is not None
    target = torch.full((6, 2), 0.1)
    target[torch.arange(6), batch.label] = 0.9
    levels = sum(-(target * output.logits[:, i].log_softmax(dim=1)).sum(dim=1).mean() for i in range(3))
    told = torch.cat([output.of_prototypes[0], output.of_prototypes[1]])
    classes = torch.tensor([[0.9, 0.1]] * 2 + [[0.1, 0.9]] * 2)
    total = (
        levels + F.cross_entropy(output.classified, target)
        - (classes * told.log_softmax(dim=1)).sum(dim=1).mean() + output.auxiliary
    )  # fmt: skip
    torch.testing.assert_close(loss.total, torch.as_tensor(total))


def test_partners_are_running_means_of_the_domains_and_their_mean_is_stored() -> None:
    model, batch = detector(), faces()
    rule = Mmda(sources=SOURCES, keep=0.75)
    rule.refresh(model, [batch.select([0, 1, 2]), batch.select([3, 4, 5])], epoch=0)
    tokens = model.levels(batch).tokens.detach()
    means = torch.stack([tokens[[0, 1, 4, 5]].mean(dim=0), tokens[[2, 3]].mean(dim=0)])
    torch.testing.assert_close(model.network.by_domain[:2], means)
    torch.testing.assert_close(model.network.partner, means.mean(dim=0))
    assert model.network.met.tolist() == [1, 1, 0]
    rule(model, faces(seed=3))
    torch.testing.assert_close(model.network.by_domain[:2], means, msg="nothing moves outside of the training")
    model.network.train()
    fresh = faces(2, seed=3)  # of the first domain alone
    moved = model.levels(fresh, partner=means[:1].expand(2, -1, -1)).tokens.detach()
    rule(model, fresh)
    torch.testing.assert_close(model.network.by_domain[0], 0.75 * means[0] + 0.25 * moved.mean(dim=0))
    torch.testing.assert_close(model.network.by_domain[1], means[1])


def test_a_score_knows_neither_its_neighbors_nor_their_domain() -> None:
    model, batch = detector(), faces()
    Mmda(sources=SOURCES).refresh(model, [batch], epoch=0)
    model.requires_grad_(False)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    whole = model(batch).score
    strange = replace(batch.select([4]), domain=("never met",))
    assert torch.equal(model(strange).score, whole[4:5])
    assert torch.equal(model(batch.select([5, 4, 0])).score, whole[[5, 4, 0]])
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_prototypes_start_on_the_centers_of_their_class() -> None:
    model, batch = detector(), faces(8)
    rule = Mmda(sources=SOURCES)
    rule.refresh(model, [batch], epoch=0, seed=1)
    where = torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
    fused = model.levels(batch, partner=model.network.by_domain[where]).fused.detach()
    for kind in range(2):
        members = fused[torch.arange(8) % 2 == kind]
        placed = model.network.prototypes.detach()[kind]
        nearest = torch.cdist(members, placed).argmin(dim=1)
        assert set(nearest.tolist()) == {0, 1}
        for k in range(2):  # what k-means ends with: each center is the mean of its members
            torch.testing.assert_close(placed[k], members[nearest == k].mean(dim=0), atol=1e-5, rtol=1e-4)
    kept = model.network.prototypes.detach().clone()
    rule.refresh(model, [faces(seed=5)], epoch=1)
    assert torch.equal(model.network.prototypes.detach(), kept)


def test_centers_of_two_groups_and_of_few_samples() -> None:
    far = torch.cat(
        [torch.randn(20, 3, generator=generator(0)) * 0.1, torch.randn(20, 3, generator=generator(1)) * 0.1 + 5]
    )
    found = centers(far, 2, seed=0)
    torch.testing.assert_close(found[found[:, 0].argsort()], torch.stack([far[:20].mean(0), far[20:].mean(0)]))
    assert torch.equal(centers(far[:2], 3, seed=0), far[[0, 1, 0]])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ContractError, match="sets of prototypes"):
        Mmda(sources=("lab",))(TinyDetector(), make_batch(4))
    with pytest.raises(BadInputError, match="domain"):
        Mmda(sources=SOURCES)(detector(), replace(faces(), domain=None))
    with pytest.raises(BadInputError, match="samples of s in training"):
        Mmda(sources=("n",))(detector(), faces())
    with pytest.raises(BadInputError, match="4 source domains, 3 places"):
        Mmda(sources=(*SOURCES, "e", "w"))(detector(), faces())
    with pytest.raises(BadInputError, match="class has no training sample"):
        Mmda(sources=SOURCES).refresh(detector(), [faces().select([0, 2])], epoch=0)
    with pytest.raises(BadInputError, match="no training batch"):
        Mmda(sources=SOURCES).refresh(detector(), [], epoch=0)
    with pytest.raises(BadInputError, match="heads do not divide"):
        Detector.untrained({**TINY, "heads": 5}, seed=0)
