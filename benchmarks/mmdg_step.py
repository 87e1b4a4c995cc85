"""What an MMDG forward pass and training step cost beside the plain way of writing them, in one run.

Run with `python benchmarks/mmdg_step.py`. The plain way (`mmdg_plain.py`) sends each modality through the trunk on its
own, draws twenty dropout copies of every attention output, keeps every graph through four backward passes, in float32.
Ours is `facewarden.pad.mmdg` with the objective `regrad`: the same gradients, exactly; both train the `paper` preset
unless told otherwise. Beside it are timed the approximations `regrad_token` and `regrad_every` (exact at one of four
steps, the time is the mean of the four), and the lower bound, one backward pass of the summed losses (`ssp`). Time is
the CPU time of this process on one thread, rounds are interleaved and ratios are medians of per-round ratios. Memory is
the growth of the resident set at its peak over that before a forward pass, each in a process of its own.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

sys.path.insert(0, str(Path(__file__).parent))

import mmdg_plain as plain
from figures_json import write

from facewarden.core.batch import FaceBatch
from facewarden.nn.multimodal.adapters.u_adapter import UAdapter
from facewarden.pad.mmdg import Mmdg
from facewarden.training.objectives.parts.base import TrainingObjective
from facewarden.training.objectives.parts.prototypes import Prototypes
from facewarden.training.objectives.regrad import Regrad
from facewarden.training.objectives.regrad_every import RegradEvery
from facewarden.training.objectives.regrad_token import RegradToken
from facewarden.training.objectives.ssp import Ssp

LIMITS = {"fp32 forward": 0.37, "bf16 forward": 0.13, "bf16 step": 0.24, "inference memory": 0.6}
SOURCES = ("north", "south", "west", "east")
EVERY = 4


def make(options: argparse.Namespace, precision: str = "float32") -> Mmdg:
    settings = {"trunk": options.trunk, "size": options.size, "preset": options.preset, "precision": precision}
    model = Mmdg.untrained(settings, seed=0)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.network.named_parameters():
        if ".up." in name:  # zero in fresh adapters, which would leave most gradients at zero
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.02
    for adapter in model.network.adapters.modules():
        if isinstance(adapter, UAdapter):
            adapter.dropout = 0.0  # so that both compute the same
    return model


def faces(options: argparse.Namespace) -> FaceBatch:
    generator, count, side = torch.Generator().manual_seed(2), options.batch, options.size
    shapes = {"rgb": 3, "depth": 1, "infrared": 1}
    return FaceBatch(
        images={name: torch.rand(count, depth, side, side, generator=generator) for name, depth in shapes.items()},  # type: ignore[misc]
        key=tuple(str(i) for i in range(count)),
        label=torch.arange(count) % 2,
        domain=tuple(SOURCES[i % 4] for i in range(count)),
    )


def measured(model: Mmdg, prototypes: Prototypes) -> None:
    """Stand-ins for prototypes that an epoch would have measured."""
    width = model.network.head.in_features // 3
    prototypes.values = torch.randn(3, 5, width, generator=torch.Generator().manual_seed(3))
    prototypes.seen = torch.ones(3, 5, dtype=torch.bool)


def objective(model: Mmdg) -> Regrad:
    rule = Regrad(sources=SOURCES)
    measured(model, rule.prototypes)
    return rule


def cheaper(model: Mmdg) -> tuple[RegradToken, RegradEvery, Ssp]:
    token, every, plainly = (
        RegradToken(sources=SOURCES),
        RegradEvery(every=EVERY, sources=SOURCES),
        Ssp(sources=SOURCES),
    )
    for prototypes in (token.prototypes, every.exact.prototypes, plainly.prototypes):
        measured(model, prototypes)
    return token, every, plainly


def our_step(model: Mmdg, batch: FaceBatch, rule: TrainingObjective) -> dict[str, torch.Tensor]:
    model.requires_grad_(True).train().zero_grad(set_to_none=True)
    rule.backward(model, rule(model, batch), run=lambda total: total.backward())
    return {n: p.grad for n, p in model.network.named_parameters() if p.grad is not None}


def plain_step(model: Mmdg, batch: FaceBatch, rule: Regrad, *, sampled: bool) -> dict[str, torch.Tensor]:
    assert batch.label is not None
    assert batch.domain is not None
    assert rule.prototypes.values is not None
    assert rule.prototypes.seen is not None
    images, _ = model.requires_grad_(True).train().prepare(batch)
    classes = [0 if y else 1 + SOURCES.index(d) for y, d in zip(batch.label.tolist(), batch.domain, strict=True)]
    return plain.step(
        model.network, images, batch.label, classes=torch.tensor(classes), prototypes=rule.prototypes.values,
        seen=rule.prototypes.seen, sampled=sampled,
    )  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def resident(field: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def peak(options: argparse.Namespace, mode: str) -> float:
    """Megabytes by which a forward pass grows this process at its peak."""
    model, batch = make(options, "bfloat16" if mode == "bf16" else "float32"), faces(options)
    model.requires_grad_(False).eval()

    def forward() -> None:
        with torch.no_grad():
            if mode == "plain":
                plain.forward(model.network, model.prepare(batch)[0], sampled=True)
            else:
                model(batch)

    forward()  # what the libraries allocate once
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak so far
    before = resident("VmRSS")
    forward()
    return resident("VmHWM") - before


def check_gradients(model: Mmdg, batch: FaceBatch, rule: Regrad) -> tuple[float, float]:
    """Largest relative difference of a tensor's gradient from the plain one, in float32, and its median."""
    wanted = {name: g.clone() for name, g in plain_step(model, batch, rule, sampled=False).items()}
    found = our_step(model, batch, rule)
    assert set(found) == set(wanted)
    errors = [float((found[n] - g).norm() / g.norm().clamp(min=1e-20)) for n, g in wanted.items()]
    return max(errors), statistics.median(errors)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunk", default="vit_base_patch16_224:fresh")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--preset", default="paper", choices=["paper", "released"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak", choices=["plain", "fp32", "bf16"], help="only measure one peak, in this process")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(peak(options, options.peak))
        return 0

    exact, half, batch = make(options), make(options, "bfloat16"), faces(options)
    rule = objective(exact)
    worst, middle = check_gradients(exact, batch, rule)
    print(f"gradients in float32 against the plain way: largest relative difference {worst:.1e}, median {middle:.1e}")

    def scored(model: Mmdg) -> Callable[[], object]:
        def work() -> object:
            with torch.no_grad():
                return model.requires_grad_(False).eval()(batch)  # one that learns is not scored sample by sample

        return work

    def plainly() -> object:
        with torch.no_grad():
            return plain.forward(exact.network, exact.prepare(batch)[0], sampled=True)

    token, every, summed = cheaper(exact)

    def several(model: Mmdg) -> Callable[[], object]:
        return lambda: [our_step(model, batch, every) for _ in range(EVERY)]

    jobs: dict[str, Callable[[], object]] = {
        "plain forward": plainly,
        "fp32 forward": scored(exact),
        "bf16 forward": scored(half),
        "plain step": lambda: plain_step(exact, batch, rule, sampled=True),
        "fp32 step": lambda: our_step(exact, batch, rule),
        "bf16 step": lambda: our_step(half, batch, rule),
        "fp32 step by token": lambda: our_step(exact, batch, token),
        "bf16 step by token": lambda: our_step(half, batch, token),
        "bf16 step, exact 1 of 4": several(half),
        "bf16 step, summed losses": lambda: our_step(half, batch, summed),
    }
    parts = {"bf16 step, exact 1 of 4": EVERY}
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for name in ("fp32 forward", "bf16 forward", "bf16 step"):
        jobs[name]()  # first calls choose kernels
    for _ in range(options.rounds):
        for name, work in jobs.items():
            taken[name].append(seconds(work) / parts.get(name, 1))
    over: list[str] = []
    told: dict[str, Any] = {}
    for name, times in taken.items():
        base = taken["plain step" if " step" in name else "plain forward"]
        ratios = [a / b for a, b in zip(times, base, strict=True)]
        ratio, limit = statistics.median(ratios), LIMITS.get(name)
        verdict = "" if limit is None else f"  limit {limit}: {'kept' if ratio <= limit else 'EXCEEDED'}"
        over += [name] if limit is not None and ratio > limit else []
        spread = f"[{min(ratios):.3f}-{max(ratios):.3f}]"
        print(f"{name:24} {statistics.median(times):7.2f} s  ratio {ratio:.3f} {spread}{verdict}")
        told[name] = {"seconds": statistics.median(times), "value": ratio, "low": min(ratios), "high": max(ratios),
                      "limit": limit}  # fmt: skip
    command = [sys.executable, __file__, "--trunk", options.trunk, "--size", str(options.size), "--batch"]
    peaks = {}
    for mode in ("plain", "fp32", "bf16"):
        run = subprocess.run([*command, str(options.batch), "--peak", mode], capture_output=True, text=True, check=True)
        peaks[mode] = float(run.stdout)
    ratio = peaks["fp32"] / peaks["plain"]
    limit = LIMITS["inference memory"]
    over += ["inference memory"] if ratio > limit else []
    print(
        f"inference memory over the resting process: plain {peaks['plain']:.0f} MB, fp32 {peaks['fp32']:.0f} MB, bf16 "
        f"{peaks['bf16']:.0f} MB, ratio {ratio:.2f}  limit {limit}: {'kept' if ratio <= limit else 'EXCEEDED'}"
    )
    memory = {**peaks, "ratio": ratio, "limit": limit}
    gradients = {"largest": worst, "median": middle}
    write(options.out, {"preset": options.preset, "gradients": gradients, "jobs": told, "memory": memory})
    return int(bool(over))


if __name__ == "__main__":
    raise SystemExit(main())
