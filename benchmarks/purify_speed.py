"""Faces a second of each purifier on one core, and the ratio to RED-Net-30: `python benchmarks/purify_speed.py`.

Crops are drawn (simulated) at 112 x 112; time is that of the process, so that other load on the machine counts less.
The best of several rounds is taken, after one that only warms up.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from figures_json import write
from torch import Tensor, nn

from facewarden.core.errors import MissingAssetError
from facewarden.core.registry import list_entries, load
from facewarden.core.roles import Purifier
from facewarden.nn.restorer import build_restorer
from facewarden.photos.synthetic import drawn_faces
from facewarden.purifiers.parts.learned import LearnedPurifier
from facewarden.training.purifier_recipe import read_purifier_recipe


def rate(run: Purifier | nn.Module, faces: Tensor, *, rounds: int) -> float:
    """Faces a second of the fastest round."""
    best = float("inf")
    with torch.no_grad():
        run(faces)
        for _ in range(rounds):
            started = time.process_time()
            run(faces)
            best = min(best, time.process_time() - started)
    return len(faces) / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    drawn = drawn_faces(people=options.batch, each=1, seed=0)
    faces = drawn.images(range(len(drawn)))
    found: dict[str, float] = {}
    for entry in list_entries("purifiers"):
        made = load("purifiers", entry.name)
        if hasattr(made, "example"):
            continue  # it reads a file that people bring
        try:
            found[entry.name] = rate(made(), faces, rounds=options.rounds)
            if issubclass(made, LearnedPurifier):
                found[f"{entry.name} bfloat16"] = rate(made(precision="bfloat16"), faces, rounds=options.rounds)
        except MissingAssetError as error:
            print(f"{entry.name}: {error.message}")
    bodies = {name: build_restorer(read_purifier_recipe(name).network).eval() for name in ("puface", "puface_rednet")}
    bodies = {name: body.to(memory_format=torch.channels_last) for name, body in bodies.items()}
    laid_out = faces.contiguous(memory_format=torch.channels_last)
    for name, body in bodies.items():
        size = sum(parameter.numel() for parameter in body.parameters())
        found[f"body of {name}, {size:,} parameters"] = rate(body, laid_out, rounds=options.rounds)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found[f"body of {name}, bfloat16"] = rate(body, laid_out, rounds=options.rounds)
    slowest = next(value for name, value in found.items() if name.startswith("body of puface_rednet"))
    for name, value in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{name:<44} {value:9.1f} faces/s  {value / slowest:7.2f} x RED-Net-30")
    ways = {name: {"faces_a_second": value, "ratio": value / slowest} for name, value in found.items()}
    write(options.out, {"batch": options.batch, "ways": ways})


if __name__ == "__main__":
    main()
