"""Processor time of one forward pass and of one gradient an image, by backbone: `python benchmarks/attack_cost.py`.

Multitask detectors with random weights at 112 pixels; the gradient is that of the decision with respect to the pixels,
in float32 and in bfloat16 as plans take it. The last line is SFA's two generators, which an attack asks once an image.
Time is that of the process on one thread, the median of several rounds after one that only warms up.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from figures_json import write

from facewarden.core.batch import FaceBatch
from facewarden.nn.gradient_sources.generator_pair import GeneratorPair
from facewarden.pad.multitask import Multitask

BACKBONES = ("mobilenetv3_small_100", "efficientnet_lite0", "resnet18", "densenet121", "resnet50", "vgg16_bn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    images = torch.rand(options.images, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    batch = FaceBatch(images={"rgb": images}, key=tuple(map(str, range(options.images))))
    told: dict[str, dict[str, float]] = {}
    print("milliseconds an image: forward, gradient, gradient in bfloat16")
    for name in BACKBONES:
        model = Multitask.untrained({"backbone": name}, seed=0).requires_grad_(False).eval()
        works = (forward(model, batch), gradient(model, batch, half=False), gradient(model, batch, half=True))
        spent = [1000 * cost(work, options) / options.images for work in works]
        told[name] = dict(zip(("forward", "gradient", "gradient_bfloat16"), spent, strict=True))
        print(f"{name:24}" + "".join(f"{one:10.2f}" for one in spent))
    pair = GeneratorPair().requires_grad_(False).eval()
    told["generators of SFA"] = {"forward": 1000 * cost(lambda: pair(images), options) / options.images}
    print(f"{'generators of SFA':24}{told['generators of SFA']['forward']:10.2f}")
    write(options.out, {"images": options.images, "milliseconds": told})


def forward(model: Multitask, batch: FaceBatch) -> Callable[[], object]:
    """The scores of a batch, without a graph."""

    def work() -> object:
        with torch.no_grad():
            return model(batch).score

    return work


def gradient(model: Multitask, batch: FaceBatch, *, half: bool) -> Callable[[], object]:
    """The gradient of the sum of scores with respect to the pixels."""

    def work() -> object:
        pixels = batch.images["rgb"].clone().requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            score = model(batch.with_images({"rgb": pixels})).score
        return torch.autograd.grad(score.float().sum(), pixels)

    return work


def cost(work: Callable[[], object], options: argparse.Namespace) -> float:
    """Median processor time of a call in seconds."""
    taken = []
    for _ in range(options.rounds + 1):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken[1:])


if __name__ == "__main__":
    main()
