"""Adversarial training on SFA's examples: one step through a head drawn at random, read where the generators say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facewarden.core import registry
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.gradient_source import GradientSource
from facewarden.core.head_goal import goal_of
from facewarden.core.labels import Modality
from facewarden.core.objective import Objective
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.nn.gradient_sources.generator_pair import GeneratorPair, offset_sign
from facewarden.nn.gradient_sources.sfa_offset import SfaOffset
from facewarden.training.detector_inputs import joined
from facewarden.training.objectives.parts.adversarial import AdversarialLoss, AdversarialObjective, mixed
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.evaluating import evaluating
from facewarden.training.objectives.parts.split_norm import statistics_kept

_WIDTHS = (8, 16)
_BATCH = 64


class SfaAt(AdversarialObjective):
    """`(1 - share) base(x) + share base(x')`, x' one step through one of the model's heads with SFA.

    The generators are trained a little further at the beginning of every epoch, because frozen ones would fit a model
    that is no longer there. The gradients of the model that this takes are in the count, spread over the epoch's
    samples.

    Args:
        base, base_settings, eps, modalities: as in `WithinBudget`.
        share: of the attacked samples in the loss.
        heads: which are drawn from; by default all of the model's whose truth the samples have, and "live".
        cap: of the generators' map in gray levels.
        generator_steps: batches of 64 that the generators learn from before each epoch; only as many samples as they
            hold are kept in memory.
        first_steps: more such batches before the first epoch, of the same samples again. Freshly made generators give
            no map, and a few steps of Adam hardly move it.
        keep_adam: whether Adam keeps its moments from one epoch to the next, instead of beginning anew.
        split: whether the statistics of batch normalization come from the clean samples alone, see `statistics_kept`.

    Raises:
        BadInputError: no budget, a share outside (0, 1], no generator steps, or a negative number of first ones.

    Source: Yang et al., Exposing Fine-Grained Adversarial Vulnerability of Face Anti-Spoofing Models (2023); how it
    trains on the examples is not public, so that this is a choice made here.
    """

    passes = 2
    random_start = False

    def __init__(
        self,
        *,
        base: str = "multitask",
        base_settings: Mapping[str, Any] | None = None,
        eps: float = 4.0,
        share: float = 0.5,
        heads: Sequence[str] = (),
        cap: float = 3.0,
        generator_steps: int = 8,
        first_steps: int = 0,
        keep_adam: bool = False,
        split: bool = False,
        modalities: tuple[Modality, ...] | list[Modality] = ("rgb",),
    ) -> None:
        super().__init__(base=base, base_settings=base_settings, eps=eps, steps=1, modalities=modalities)
        if not 0.0 < share <= 1.0 or generator_steps < 1 or first_steps < 0:
            raise BadInputError(
                f"share {share:g}, {generator_steps} generator steps, {first_steps} first", hint="share=0.5"
            )
        self.attack = registry.load("attacks", "fgsm")()
        self.share, self.heads, self.split = share, tuple(heads), split
        self.generator_steps, self.first_steps, self.keep_adam = generator_steps, first_steps, keep_adam
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(0, "sfa_at"))
            self.pair = GeneratorPair(cap=cap / 255, widths=_WIDTHS)
        self._adam = self._new_adam()
        self._refreshed = 0.0

    @classmethod
    def example(cls, folder: Path) -> SfaAt:
        """Return one for tests of every objective; nothing is written."""
        return cls(generator_steps=1)

    def goal(self, model: Detector, batch: FaceBatch) -> Objective:
        """The loss of a head drawn at random.

        Raises:
            BadInputError: the model has none of a wanted name, or the samples not its truth.
        """
        heads = self._drawn_from(model, {"live", *model.targets(batch)})
        head = heads[int(torch.randint(len(heads), (1,)))]
        return goal_of(model, batch, head=head, threshold=0.0)

    def _drawn_from(self, model: Detector, known: set[str]) -> list[str]:
        there = list(dict.fromkeys(("live", *model.heads)))
        if not self.heads:
            return [head for head in there if head in known]
        for head in self.heads:
            if head not in there:
                raise BadInputError(
                    f"sfa_at: {type(model).__name__} has no head {head!r}", hint=f"heads: {', '.join(there)}"
                )
            if head not in known:
                raise BadInputError(
                    f"sfa_at: the samples come without the truth of head {head!r}",
                    hint=f"truth here: {', '.join(sorted(known))}",
                )
        return list(self.heads)

    def compute(self, model: Detector, batch: FaceBatch) -> AdversarialLoss:
        """Attack, then learn.

        Of `parts`, "gradients" has those of the generators' training as well, and "sfa/size" is the mean of the map of
        these samples as a share of its cap.
        """
        sizes: list[Tensor] = []
        hook = self.pair.register_forward_hook(lambda _pair, _images, moved: sizes.append(moved.detach().abs().mean()))
        try:
            loss = super().compute(model, batch)
        finally:
            hook.remove()
        more = loss.parts["gradients"] + self._refreshed
        size = torch.stack(sizes).mean() / self.pair.cap
        return AdversarialLoss(
            loss.total, {**loss.parts, "gradients": more, "sfa/size": size}, loss.batch, loss.attacked
        )

    def reading(self) -> GradientSource:
        """At the image moved by the generators' map."""
        return SfaOffset(self.pair, offset="first")

    def learn(self, model: Detector, batch: FaceBatch, attacked: FaceBatch) -> Loss:
        """The base loss of clean and attacked samples."""
        clean = self.base.compute(model, batch)
        with statistics_kept(model, on=self.split):
            moved = self.base.compute(model, attacked)
        return mixed(clean, moved, share=self.share)

    def refresh(self, model: Detector, batches: Iterable[FaceBatch], *, epoch: int, seed: int = 0) -> None:
        """Train the generators a little further against the model as it is now."""
        held, count = some_rows(batches, self.generator_steps * _BATCH, seed=derive(seed, "sfa_at", epoch))
        if held is None:
            return
        self.pair.to(held.device).requires_grad_(True)
        if self.keep_adam:
            self._adam.load_state_dict(self._adam.state_dict())  # moments of a checkpoint follow the generators
        else:
            self._adam = self._new_adam()
        steps = self.generator_steps + (self.first_steps if epoch == 0 else 0)
        rng = np.random.default_rng(derive(seed, "sfa_at", epoch))
        waiting: list[int] = []
        used = 0
        with evaluating(model):
            for _ in range(steps):
                if len(waiting) < min(_BATCH, len(held)):
                    waiting = rng.permutation(len(held)).tolist()
                loss = _kept(model, held.select(waiting[:_BATCH]), self.pair)
                used += len(waiting[:_BATCH])
                waiting = waiting[_BATCH:]
                self._adam.zero_grad()
                for parameter, slope in zip(
                    self.pair.parameters(), torch.autograd.grad(loss, list(self.pair.parameters())), strict=True
                ):
                    parameter.grad = slope
                self._adam.step()
        self.pair.requires_grad_(False)
        self._refreshed = used / count

    def helpers(self) -> dict[str, torch.nn.Module]:
        """Return the generators of SFA, which train beside the detector."""
        return {"generators": self.pair}

    def state_dict(self) -> dict[str, Any]:
        """The generators, their optimizer where it is kept, and the state of the loss that is learned."""
        state = {**super().state_dict(), "pair": dict(self.pair.state_dict())}
        if self.keep_adam:
            state["adam"] = {str(row): held for row, held in self._adam.state_dict()["state"].items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        super().load_state_dict(state)
        self.pair.load_state_dict(dict(state["pair"]))
        if self.keep_adam:
            kept = state.get("adam", {})
            moments = {int(row): {name: value.clone() for name, value in kept[row].items()} for row in kept}
            self._adam.load_state_dict({**self._adam.state_dict(), "state": moments})

    def _new_adam(self) -> torch.optim.Adam:
        return torch.optim.Adam(self.pair.parameters(), lr=1e-3)


def some_rows(batches: Iterable[FaceBatch], wanted: int, *, seed: int) -> tuple[FaceBatch | None, int]:
    """A sample of fixed size of all that is read, drawn by key whatever the order, and how many there were."""
    held: list[tuple[int, FaceBatch]] = []
    count = 0
    for batch in batches:
        count += len(batch)
        ranks = [derive(seed, key) for key in batch.key]
        limit = held[-1][0] if len(held) == wanted else float("inf")
        held += [(rank, batch.select([row])) for row, rank in enumerate(ranks) if rank < limit]
        held = sorted(held, key=lambda pair: pair[0])[:wanted]
    return (joined([sample for _, sample in held]) if held else None), count


def _kept(model: Detector, batch: FaceBatch, pair: GeneratorPair) -> Tensor:
    assert batch.label is not None
    images = batch.images["rgb"]
    moved = (images - offset_sign(batch.label) * pair(images)).clamp(0.0, 1.0)
    score = model(batch.with_images({"rgb": moved})).score
    return functional.binary_cross_entropy_with_logits(score, batch.label.to(score))


entry = SfaAt
