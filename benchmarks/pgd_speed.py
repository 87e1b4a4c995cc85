"""Time of ten PGD steps on ResNet-50 at 112 pixels, against torchattacks in the same run, at equal success.

Run: python benchmarks/pgd_speed.py [--images 12] [--rounds 3]

The weights are random but trained for a few steps to tell two kinds of images apart, so that success means something.
The variants take turns and the processor time of this process counts, so that other work on the machine does not. One
thread. Prints one line a variant: seconds, time relative to torchattacks, success, mean margin; all success and margins
are measured in float32.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from figures_json import write
from torch import Tensor, nn

from facewarden.attacks.pgd import PGD
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.compat import ensure_torchvision
from facewarden.core.counted_objective import CountedObjective
from facewarden.core.decision_goal import Evade
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.threat import ThreatModel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ensure_torchvision()
    import timm
    import torchattacks


class TwoLogits(Detector):
    """Two logits of rgb; the cross-entropy of their difference is the two-class one, which torchattacks climbs."""

    card = Card(name="two logits", summary="for comparisons", role="pad")

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def predict(self, batch: FaceBatch) -> PadOutput:
        """The difference of the logits."""
        logits = self.network(batch.images["rgb"])
        return PadOutput(logits[:, 1] - logits[:, 0])


class OfModelItself(Evade):
    """Without the copy that attacks read gradients of."""

    def with_copies(self) -> Evade:
        """The goal itself."""
        return self


def captures(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Smooth random images, every other one with a faint print raster."""
    draws = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 8, 8, generator=draws)
    images = nn.functional.interpolate(coarse, size=112, mode="bilinear") * 0.8 + 0.1
    labels = torch.arange(count) % 2
    raster = 0.04 * torch.sin(torch.arange(112) * 1.3)
    return (images + labels.view(-1, 1, 1, 1) * (raster[:, None] + raster[None])).clamp(0, 1), labels


def fitted(*, steps: int) -> nn.Module:
    """A ResNet-50 that tells the two kinds apart."""
    torch.manual_seed(0)
    network: nn.Module = timm.create_model("resnet50", num_classes=2, pretrained=False)
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    for step in range(steps):
        images, labels = captures(8, seed=100 + step)
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fit", type=int, default=12)
    parser.add_argument("--eps", type=float, default=2.0, help="gray levels")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    network, eps = fitted(steps=options.fit), options.eps / 255
    with torch.no_grad():
        for module in network.modules():  # statistics of so few steps are off: take those of one batch
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = None
        network.train()
        network(captures(16, seed=1)[0])
        network.eval()
    images, _ = captures(options.images, seed=2)
    labels = network(images).argmax(dim=1)
    network.requires_grad_(False)
    detector, threat = TwoLogits(network), ThreatModel(eps=eps)
    batch = FaceBatch(images={"rgb": images}, key=tuple(f"image {i}" for i in range(len(images))), label=labels)
    objective = Evade(detector, batch, threshold=0.0, loss="cross_entropy")
    plain = OfModelItself(detector, batch, threshold=0.0, loss="cross_entropy")
    oracle = torchattacks.PGD(network, eps=eps, alpha=eps / 4, steps=10)
    objective.for_gradients()  # the copy is made once for a model, not once for an attack
    turned = TwoLogits(copy.deepcopy(network).to(memory_format=torch.channels_last))
    rearranged = OfModelItself(turned, batch, threshold=0.0, loss="cross_entropy")
    variants: dict[str, Callable[[], Tensor]] = {
        "torchattacks": lambda: oracle(images, labels),
        "facewarden float32": lambda: PGD()(plain, threat).images["rgb"],
        "the same, weights channels-last": lambda: PGD()(rearranged, threat).images["rgb"],
        "and bfloat16": lambda: PGD(precision="bfloat16")(rearranged, threat).images["rgb"],
        "of the copy": lambda: PGD()(objective, threat).images["rgb"],
        "of the copy, bfloat16": lambda: PGD(precision="bfloat16")(objective, threat).images["rgb"],
        # the other side does not measure, ours also says who was flipped before and after: two passes more
        "of the copy, steps alone": lambda: PGD().perturb(CountedObjective(objective, threat, 0))["rgb"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    reached: dict[str, Tensor] = {}
    for _ in range(options.rounds):
        for name, attack in variants.items():
            begin = time.process_time()
            reached[name] = attack()
            seconds[name].append(time.process_time() - begin)
    told: dict[str, Any] = {}
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(times, seconds["torchattacks"], strict=True))
        found = {"rgb": reached[name]}
        with torch.no_grad():
            success, margin = objective.success(found).float().mean(), objective.margin(found).mean()
        print(f"{name:32} {min(times):7.2f} s  {ratio:5.2f}  success {success:.2f}  mean margin {margin:+.3f}")
        told[name] = {"seconds": min(times), "ratio": ratio, "success": float(success), "margin": float(margin)}
    write(options.out, {"images": options.images, "rounds": options.rounds, "ways": told})


if __name__ == "__main__":
    main()
