"""A small detector with heads, a toy world of faces that it can learn, and generators for SFA."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.head_goal import HeadLoss
from facewarden.core.roles import Detector, PadOutput
from facewarden.nn.gradient_sources.generator_pair import GeneratorPair, offset_sign
from stand_ins import generator

SIZE = 16
HEADS = ("type", "attributes", "depth")


def toy_faces(count: int, *, seed: int = 0) -> FaceBatch:
    """Shaded discs; attacks carry a stripe (prints) or a grid (replays), both faint. Labels alternate."""
    draw = generator(seed)
    rows = torch.linspace(-1, 1, SIZE)
    disc = (1 - (rows[:, None] ** 2 + rows[None] ** 2)).clamp(0, 1)
    base = 0.35 + 0.3 * disc + 0.05 * torch.randn(count, 3, SIZE, SIZE, generator=draw)
    base = base + 0.1 * torch.randn(count, 3, 1, 1, generator=draw)
    label = torch.arange(count) % 2
    kind = torch.where(label == 1, 0, 1 + (torch.arange(count) // 2) % 2)
    stripes = (torch.arange(SIZE) % 2).float() * 2 - 1
    patterns = torch.stack(
        [torch.zeros(SIZE, SIZE), stripes[:, None].expand(SIZE, SIZE), stripes[:, None] * stripes[None]]
    )
    images = (base + 0.06 * patterns[kind][:, None]).clamp(0, 1)
    attributes = (torch.rand(count, 5, generator=draw) < 0.5).float()
    images[:, :, :5, 0] = (images[:, :, :5, 0] + 0.2 * (attributes[:, None] - 0.5)).clamp(0, 1)
    depth = disc[None, None, ::4, ::4] * label.view(-1, 1, 1, 1)
    return FaceBatch(
        images={"rgb": images},
        key=tuple(f"toy {seed} {i}" for i in range(count)),
        label=label,
        species=tuple(("bona_fide", "print_flat", "replay_phone")[k] for k in kind.tolist()),
        subject=tuple(f"person {i // 4}" for i in range(count)),
        domain=("toy",) * count,
        tasks={"type": kind, "attributes": attributes * label[:, None], "depth": depth},
    )


class ManyHeads(Detector):
    """A small convolutional network with a score and three heads."""

    card = Card(name="many_heads", summary="A stand-in.", role="pad")
    modalities = ("rgb",)
    heads = HEADS

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.BatchNorm2d(12), nn.ReLU(),
                nn.Conv2d(12, 12, 3, stride=2, padding=1), nn.ReLU(),
            )  # fmt: skip
            self.score, self.kind, self.traits = nn.Linear(12, 1), nn.Linear(12, 3), nn.Linear(12, 5)
            self.surface = nn.Conv2d(12, 1, 3, padding=1)
        self.requires_grad_(False).eval()

    def predict(self, batch: FaceBatch) -> PadOutput:
        maps = self.body((batch.images["rgb"] - 0.5) * 4)
        pooled = maps.mean(dim=(2, 3))
        tasks = {
            "type": self.kind(pooled),
            "attributes": self.traits(pooled),
            "depth": torch.sigmoid(self.surface(maps)),
        }
        return PadOutput(score=self.score(pooled)[:, 0], features=pooled, tasks=tasks)


def total_loss(model: Detector, batch: FaceBatch) -> Tensor:
    """Decision and heads together."""
    output = model(batch)
    assert batch.label is not None
    loss = functional.binary_cross_entropy_with_logits(output.score, batch.label.float())
    for head in HEADS:
        loss = loss + HeadLoss(model, batch, head=head, threshold=0.0).loss(batch.images).mean()
    return loss


def trained(steps: int = 60, *, seed: int = 0) -> ManyHeads:
    """One that has learned the toy world."""
    model = ManyHeads(seed).requires_grad_(True).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        optimizer.zero_grad()
        total_loss(model, toy_faces(48, seed=100 + step)).backward()
        optimizer.step()
    optimizer.zero_grad()
    model.requires_grad_(False).eval()
    return model


def random_pair(*, cap: float = 3 / 255, seed: int = 0, gate: bool = True) -> GeneratorPair:
    """Generators that give something, without training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        pair = GeneratorPair(cap=cap, gate=gate, widths=(8, 8))
        assert pair.spoof is not None
        for part in (pair.live, pair.spoof):
            nn.init.normal_(part.last.weight, std=3.0)
    return pair.requires_grad_(False).eval()


def fit_toy(model: Detector, *, flip: bool = False, cap: float = 3 / 255, steps: int = 25) -> GeneratorPair:
    """Generators trained on the toy world: keep the class, or flip it, with the map of the other class."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        pair = GeneratorPair(cap=cap, widths=(8, 8))
    optimizer = torch.optim.Adam(pair.parameters(), lr=0.01)
    for step in range(steps):
        batch = toy_faces(48, seed=500 + step)
        assert batch.label is not None
        images = batch.images["rgb"]
        moved = (images - offset_sign(batch.label) * pair(images)).clamp(0, 1)
        target = 1 - batch.label if flip else batch.label
        score = model(batch.with_images({"rgb": moved})).score
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(score, target.float()).backward()
        optimizer.step()
    return pair.requires_grad_(False).eval()
