"""A model that gives NaN for one sample under attack costs that sample, and the others nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from facewarden.core.attack import Attack
from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import NotFiniteError
from facewarden.core.head_goal import HeadLoss
from facewarden.core.objective import Objective, TransformedObjective
from facewarden.core.registry import load
from facewarden.core.roles import PadOutput
from facewarden.core.threat import ThreatModel
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces

THREAT = ThreatModel(eps=8 / 255)
FRAGILE = "sample 3"  # decided correctly at a threshold of 0


class Fragile(TinyDetector):
    """Gives NaN for one sample as soon as its image is another one than the clean one, in one way or another."""

    def __init__(self, clean: FaceBatch, *, where: str = "score") -> None:
        super().__init__()
        self.clean, self.where = clean.images["rgb"][clean.key.index(FRAGILE)], where

    def predict(self, batch: FaceBatch) -> PadOutput:
        output = super().predict(batch)
        same = [key != FRAGILE or torch.equal(image.detach(), self.clean)
                for key, image in zip(batch.key, batch.images["rgb"], strict=True)]  # fmt: skip
        broken = ~torch.tensor(same)
        if self.where == "score":
            return PadOutput(torch.where(broken, torch.nan, output.score), tasks=output.tasks)
        if self.where == "gradient":  # a finite value whose derivative is none: sqrt at zero
            rows = torch.nonzero(broken).flatten()
            zero = torch.sqrt((output.score - output.score.detach())[rows])
            return PadOutput(output.score.index_add(0, rows, zero), tasks=output.tasks)
        maps = torch.where(broken[:, None, None, None], torch.nan, output.tasks["depth"])
        return PadOutput(output.score, tasks={"depth": maps})


def attack(name: str, **settings: Any) -> Attack:
    made: Attack = load("attacks", name)(**settings)
    return made


def without(batch: FaceBatch) -> FaceBatch:
    return batch.select([row for row, key in enumerate(batch.key) if key != FRAGILE])


def rest(values: Tensor, keys: Sequence[str]) -> Tensor:
    return values[[row for row, key in enumerate(keys) if key != FRAGILE]]


@pytest.mark.parametrize(
    ("name", "settings"),
    [("fgsm", {}), ("pgd", {"steps": 3}), ("mi_fgsm", {"steps": 2}), ("apgd", {"steps": 4}), ("square", {"queries": 6}),
     ("noise", {}), ("fab", {"steps": 3}), ("auto_binary", {"steps": 3, "queries": 6})],
)  # fmt: skip
def test_one_sample_is_lost_and_the_others_are_attacked_as_without_it(name: str, settings: dict[str, Any]) -> None:
    batch = make_batch(4)
    whole = attack(name, **settings)(Evade(Fragile(batch), batch, threshold=0.0), THREAT, seed=1)
    alone = attack(name, **settings)(Evade(TinyDetector(), without(batch), threshold=0.0), THREAT, seed=1)
    assert whole.lost.tolist() == [key == FRAGILE for key in batch.key]
    assert not bool(whole.success[3])
    assert torch.isnan(whole.loss[3])
    assert torch.equal(whole.images["rgb"][3], batch.images["rgb"][3])
    names = ("loss", "success", "sample_gradients", "sample_queries")
    pairs = [(getattr(whole, name), getattr(alone, name)) for name in names]
    pairs += [(whole.images["rgb"], alone.images["rgb"]), (whole.distance["rgb"], alone.distance["rgb"])]
    for one, other in pairs:
        assert torch.equal(rest(one, batch.key), other)
    assert not bool(alone.lost.any())


@pytest.mark.parametrize("where", ["gradient", "head"])
def test_a_gradient_or_a_head_that_is_nan_loses_the_sample_too(where: str) -> None:
    batch = make_batch(4, size=10)
    detector = Fragile(batch, where=where)
    goal = (
        Evade(detector, batch, threshold=0.0)
        if where == "gradient"
        else HeadLoss(detector, batch, head="depth", threshold=0.0)
    )
    found = attack("pgd", steps=3)(goal, THREAT, seed=1)
    assert found.lost.tolist() == [key == FRAGILE for key in batch.key]


class FragileEmbedder(TinyRecognizer):
    """Gives NaN for faces that are darker at one place than they were."""

    def features(self, images: Tensor) -> Tensor:
        found = super().features(images)
        return torch.where((images[:, 0, 0, 0] == 0.25)[:, None], found, torch.nan)


def goal(*, viewed: bool) -> Objective:
    faces = make_faces(3)
    faces[1, 0, 0, 0] = 0.25
    tiny, fragile = TinyRecognizer(), FragileEmbedder(seed=9)

    class Only(TinyRecognizer):
        def features(self, images: Tensor) -> Tensor:
            here = (images - faces[1]).flatten(1).abs().amax(dim=1) < 0.2  # the second face, moved or not
            return torch.where(here[:, None], fragile.features(images), TinyRecognizer.features(self, images))

    away = PushAway([tiny, Only(seed=9)], faces, keys=["a", "b", "c"])
    return TransformedObjective(away, lambda images: images) if viewed else away


@pytest.mark.parametrize("viewed", [False, True])
def test_a_face_without_a_vector_under_attack_is_lost(viewed: bool) -> None:
    found = attack("pgd", steps=2)(goal(viewed=viewed), THREAT, seed=1)
    assert found.lost.tolist() == [False, True, False]
    assert bool((found.distance["rgb"][[0, 2]] > 0).all())
    assert float(found.distance["rgb"][1]) == 0.0


class Never(TinyDetector):
    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(torch.full((len(batch),), torch.nan), tasks=super().predict(batch).tasks)


def test_all_may_be_lost() -> None:
    batch = make_batch(3)
    found = attack("pgd", steps=2)(Evade(Never(), batch, threshold=0.0), THREAT, seed=1)
    assert found.lost.all()
    assert not found.success.any()
    assert (found.gradient_calls, found.queries) == (0, 0)
    assert torch.equal(found.images["depth"], batch.images["depth"])


def test_an_error_that_names_no_sample_stays_an_error() -> None:
    class Mute(Evade):
        def loss(self, images: Any) -> Tensor:
            raise NotFiniteError("somewhere")

    batch = make_batch(3)
    with pytest.raises(NotFiniteError, match="somewhere"):
        attack("pgd", steps=2)(Mute(TinyDetector(), batch, threshold=0.0), THREAT, seed=1)
