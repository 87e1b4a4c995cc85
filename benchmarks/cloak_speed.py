"""CPU seconds to cloak one face on two mobile surrogates: `python benchmarks/cloak_speed.py`.

The yardstick is LowKey's loop written the plain way: 50 steps, four forward and backward passes each, no tricks. It
and the project's paces are compared at the shift they reach for both views, plain and smoothed, after rounding to 8
bits. The faces are drawn (simulated); time is that of the process, so that other load on the machine counts less.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from figures_json import write
from torch import Tensor
from torch.nn import functional as F

from facewarden.attacks.lowkey import LowKey
from facewarden.core.attack import Attack
from facewarden.core.embedding_goal import PushAway
from facewarden.core.registry import load
from facewarden.core.roles import Recognizer
from facewarden.core.threat import ThreatModel
from facewarden.nn.ssim import ssim
from facewarden.photos.synthetic import drawn_faces

EPS = 8 / 255
TOGETHER = 8  # photos at a time, the default of facewarden cloak
SURROGATES = ("mobilefacenet_512", "mobilefacenet_128")


def blurred(image: Tensor) -> Tensor:
    line = torch.exp(-(torch.arange(-3.0, 4.0) ** 2) / 18)
    kernel = torch.outer(line, line) / line.sum() ** 2
    return F.conv2d(F.pad(image, (3, 3, 3, 3), mode="reflect"), kernel.expand(3, 1, 7, 7), groups=3).clamp(0, 1)


def plain_loop(models: list[Recognizer], clean: Tensor, *, steps: int = 50) -> Tensor:
    """LowKey step by step, one network and one view after the other."""
    with torch.no_grad():
        references = [model.embed(clean) for model in models]
    noise = torch.rand(clean.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    image = (clean + 0.005 * noise).clamp(0, 1)
    for _ in range(steps):
        image = image.detach().requires_grad_(True)
        loss = torch.zeros(())
        for model, reference in zip(models, references, strict=True):
            for view in (image, blurred(image)):
                loss = loss + (model.embed(view) - reference).square().sum() / (2 * len(models))
        (loss - 0.5 * (1 - ssim(image, clean)).sum()).backward()
        moved = image.detach() + EPS / 20 * image.grad.sign()
        image = torch.minimum(torch.maximum(moved, clean - EPS), clean + EPS).clamp(0, 1)
    return image.detach()


def ours(attack: Attack, models: list[Recognizer], clean: Tensor) -> Tensor:
    return attack(goal_of(models, clean), ThreatModel(eps=EPS)).images["rgb"]


def goal_of(models: list[Recognizer], clean: Tensor) -> PushAway:
    return PushAway(models, clean, keys=tuple(f"face {number}" for number in range(len(clean))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    models: list[Recognizer] = [load("recognizers", name)() for name in SURROGATES]
    faces = drawn_faces(people=options.faces, each=1, seed=options.seed)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "plain loop, 50 steps": lambda clean: plain_loop(models, clean),
        "lowkey, published pace": lambda clean: ours(LowKey(), models, clean),
        "lowkey, swift": lambda clean: ours(LowKey(pace="swift"), models, clean),
        "lowkey, swift, 18 steps": lambda clean: ours(LowKey(pace="swift", steps=18), models, clean),
        "lowkey, swift, bfloat16": lambda clean: ours(LowKey(pace="swift", precision="bfloat16"), models, clean),
        "lowkey, swift, in eights": lambda clean: ours(LowKey(pace="swift"), models, clean),
    }
    clean = [faces.images([row]) for row in range(len(faces))]
    group = [faces.images(range(min(len(faces), TOGETHER)))]
    models[0].embed(clean[0])
    base, told = 0.0, {}
    print(f"{len(clean)} drawn faces (simulated), {' + '.join(SURROGATES)}, eps 8/255, one thread, per face:")
    for name, way in ways.items():
        spent, shift, smooth, similar = 0.0, 0.0, 0.0, 0.0
        samples = group if name.endswith("eights") else clean
        for images in samples:
            share = len(images) / sum(map(len, samples))
            started = time.process_time()
            cloaked = way(images)
            spent += (time.process_time() - started) / len(images) * share
            stored = (cloaked * 255).round() / 255
            goal = goal_of(models, images)
            shift += float(goal.loss({"rgb": stored}).mean()) * share
            smooth += float(goal.loss({"rgb": blurred(stored)}).mean()) * share
            similar += float(ssim(stored, images).mean()) * share
        base = base or spent
        print(
            f"{name:<26} {spent:6.2f} CPU s ({base / spent:4.1f}x)  shift {shift:.3f}, smoothed {smooth:.3f}, "
            f"mean {(shift + smooth) / 2:.3f}, SSIM {similar:.3f}",
            flush=True,
        )
        told[name] = {"seconds": spent, "speed": base / spent, "shift": (shift + smooth) / 2, "ssim": similar}
    write(options.out, {"simulated": True, "faces": len(clean), "ways": told})


if __name__ == "__main__":
    main()
