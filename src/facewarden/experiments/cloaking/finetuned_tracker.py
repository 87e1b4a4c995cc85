"""The end-to-end tracker: a recognizer's network and a softmax layer, trained together on the gallery.

Training a whole network (`Whole`) for every attacker costs hours, so the usual tracker leaves the lower half as
published and reads it once. Either way the attackers are taken in a few groups. For each group the tracker first learns
everybody outside of it; from there it goes on for every attacker of the group, with that person's photos cloaked and
everybody else's natural. Nothing that is learned before an attacker's turn has seen a photo of the attacker.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facewarden.core.compute.device import device_of
from facewarden.core.roles import Recognizer
from facewarden.core.seeding import derive
from facewarden.core.settings import Count, Positive
from facewarden.experiments.cloaking.population import Split
from facewarden.experiments.cloaking.trackers import UserOutcome

Half = NDArray[np.float16] | NDArray[np.uint8]


@dataclass(frozen=True)
class FineTuning:
    """How the tracker is trained.

    Attributes:
        people: how many people the gallery holds, attackers first: the cost grows with them. All attackers are in it,
            however many.
        groups: of attackers.
        before: epochs on everybody outside of a group.
        after: epochs with everybody, one attacker cloaked.
        rate: of Adam.
        batch: photos in a step.
        scale: of the cosines in the softmax.
    """

    people: Count = 60
    groups: Count = 4
    before: Count = 4
    after: Count = 2
    rate: Positive = 3e-4
    batch: Count = 32
    scale: Positive = 16.0

    def enrolled(self, attackers: int) -> int:
        """How many people the gallery holds at most, where so many cloak."""
        return max(self.people, attackers, 2)


@dataclass(frozen=True, eq=False)
class Halves:
    """What is trained on: of the natural crowd, of the cloaked attackers, and of the probes.

    `(n, ...)` of what leaves the lower half of a recognizer, or the crops themselves where the whole network is
    trained.
    """

    split: Split
    natural: Half
    cloaked: Half
    probes: Half


class Whole(nn.Module):
    """A trainable copy of a recognizer's whole network, which reads crops `(b, 112, 112, 3)` of 0 to 255.

    Statistics of its normalizations stay as published, as those of an upper half do: a batch of one person's photos is
    not the world.

    Args:
        recognizer: the recognizer; it stays as it is.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        super().__init__()
        self.recognizer = copy.deepcopy(recognizer).eval().requires_grad_(True)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the crops."""
        return self.recognizer.features(x.permute(0, 3, 1, 2) / 255)


class _Tracker(nn.Module):
    def __init__(self, above: nn.Module, classes: int, dim: int, scale: float) -> None:
        super().__init__()
        self.above, self.scale = above, scale
        self.centers = nn.Parameter(torch.zeros(classes, dim))

    def embed(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.above(x), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.embed(x) @ nn.functional.normalize(self.centers, dim=1).T


def end_to_end(
    halves: Halves, attackers: Sequence[str], *, above: Callable[[], nn.Module], how: FineTuning, seed: int
) -> dict[str, UserOutcome]:
    """Train a tracker for every person who cloaks, and identify the probes.

    Args:
        halves: what it learns from and is asked.
        attackers: who cloaks, one at a time.
        above: makes a fresh trainable copy of the recognizer's upper half, or of all of it.
        how: the training.
        seed: of the order of photos.
    """
    cloaking = set(attackers)
    names = [*attackers, *(who for who in halves.split.gallery if who not in cloaking)]
    names = names[: how.enrolled(len(attackers))]
    outcomes: dict[str, UserOutcome] = {}
    for number in range(min(how.groups, len(attackers))):
        group = list(attackers[number :: how.groups])
        base = _Run(halves, names, above=above, how=how, seed=derive(seed, "group", number))
        base.learn([who for who in names if who not in group], epochs=how.before)
        calm = base.copy()
        calm.learn(names, epochs=how.after)
        natural = calm.right()
        for who in group:
            turn = base.copy()
            turn.learn(names, epochs=how.after, cloaks=who)
            right = turn.right()
            others = np.concatenate([hits for name, hits in right.items() if name != who])
            owners = [name for name, hits in right.items() if name != who for _ in hits]
            outcomes[who] = UserOutcome(right[who], natural[who], others, owners)
    return outcomes


class _Run:
    """A tracker under training."""

    def __init__(
        self, halves: Halves, names: Sequence[str], *, above: Callable[[], nn.Module], how: FineTuning, seed: int
    ) -> None:
        self.halves, self.names, self.how, self.seed = halves, list(names), how, seed
        head = above()
        self.device = device_of(head) or torch.device("cpu")
        with torch.no_grad():
            dim = int(head(_tensor(halves.natural[:1], self.device)).shape[1])
        self.model = _Tracker(head, len(self.names), dim, how.scale).to(self.device)
        self.known: set[str] = set()

    def copy(self) -> _Run:
        twin = copy.copy(self)
        twin.model, twin.known = copy.deepcopy(self.model), set(self.known)
        return twin

    def learn(self, names: Sequence[str], *, epochs: int, cloaks: str | None = None) -> None:
        """Go on with these people; the centers of new ones start at the mean of their photos."""
        inputs, labels = self._photos(names, cloaks)
        self._enroll(names, inputs, labels)
        shuffle = torch.Generator().manual_seed(derive(self.seed, "order", len(self.known)))
        steps = torch.optim.Adam(self.model.parameters(), lr=self.how.rate)
        absent = torch.tensor([name not in self.known for name in self.names], device=self.device)
        for _ in range(epochs):
            for rows in torch.split(torch.randperm(len(inputs), generator=shuffle), self.how.batch):
                scores = self.model(inputs[rows]).masked_fill(absent, -1e4)
                loss = nn.functional.cross_entropy(scores, labels[rows])
                steps.zero_grad()
                torch.autograd.backward(loss)
                steps.step()

    def _photos(self, names: Sequence[str], cloaks: str | None) -> tuple[Tensor, Tensor]:
        split, parts, labels = self.halves.split, [], []
        for who in names:
            source = self.halves.cloaked if who == cloaks else self.halves.natural
            parts.append(source[list(split.gallery[who])])
            labels += [self.names.index(who)] * len(split.gallery[who])
        return _tensor(np.concatenate(parts), self.device), torch.tensor(labels, device=self.device)

    def _enroll(self, names: Sequence[str], inputs: Tensor, labels: Tensor) -> None:
        new = [name for name in names if name not in self.known]
        with torch.no_grad():
            for name in new:
                place = self.names.index(name)
                mean = self.model.embed(inputs[labels == place]).mean(dim=0)
                self.model.centers[place] = nn.functional.normalize(mean, dim=0)
        self.known.update(new)

    def right(self) -> dict[str, NDArray[np.bool_]]:
        """Whether every person's probes are identified as that person."""
        hits = {}
        with torch.no_grad():
            for place, who in enumerate(self.names):
                scores = self.model(_tensor(self.halves.probes[list(self.halves.split.probes[who])], self.device))
                hits[who] = (scores.argmax(dim=1) == place).cpu().numpy()
        return hits


def _tensor(half: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(half)).to(device).float()
