"""What a CUDA GPU must do like the CPU, and how much faster: the tests of `tests/gpu`, then a table of speeds.

Run: python benchmarks/gpu_check.py [--rounds 5] [--no-tests]

Ends with 2 and one line where there is no CUDA GPU. The tests say that scores, embeddings, purified images and attacks
equal the CPU's and that every recipe trains and resumes. The table gives the median time of each piece of work on the
CPU and on the GPU, in float32, on the models that ship; weights that have not been fetched are left out.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from facewarden.attacks.pgd import PGD
from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import MissingAssetError
from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.core.threat import ThreatModel
from facewarden.pad.mmdg import Mmdg
from facewarden.training.objectives.cross_entropy import CrossEntropy

TESTS = Path(__file__).resolve().parent.parent / "tests" / "gpu"
ABSENT = 2
Work = Callable[[], object]


def captures(count: int, size: int) -> FaceBatch:
    """Random frames of all sensors with a face box."""
    draw = torch.Generator().manual_seed(0)
    channels = {"rgb": 3, "depth": 1, "infrared": 1}
    return FaceBatch(
        images={name: torch.rand(count, depth, size, size, generator=draw) for name, depth in channels.items()},  # type: ignore[misc]
        key=tuple(str(row) for row in range(count)),
        box=torch.tensor([[0.2, 0.2, 0.8, 0.8]]).repeat(count, 1) * size,
        label=torch.arange(count) % 2,
        domain=("a",) * count,
    )


def crops(count: int) -> torch.Tensor:
    """The same random pictures `(count, 3, 112, 112)` at every call, in place of aligned faces."""
    return torch.rand(count, 3, 112, 112, generator=torch.Generator().manual_seed(0))


def scoring(device: str) -> tuple[str, int, Work]:
    """The shipped detector on 64 captures that lie in the CPU's memory."""
    model, batch = resolve_detector("multi_cnn", device=device), captures(64, 224)
    return "score, multi_cnn", 64, lambda: model(batch)


def attacking(device: str) -> tuple[str, int, Work]:
    """Ten steps of PGD on the shipped detector."""
    model, batch = resolve_detector("multi_cnn", device=device), captures(16, 224).to(device)
    threat, attack = ThreatModel(eps=8 / 255), PGD(steps=10)
    return "attack, PGD-10 on multi_cnn", 16, lambda: attack(Evade(model, batch, threshold=0.0), threat)


def embedding(device: str) -> tuple[str, int, Work]:
    """A recognizer on aligned faces."""
    model, faces = resolve_recognizer("mobilefacenet_512", device=device), crops(64)
    return "embed, mobilefacenet_512", 64, lambda: model.embed(faces)


def purifying(device: str) -> tuple[str, int, Work]:
    """The shipped purifier on aligned faces."""
    model, faces = resolve_purifier("puface", device=device), crops(64)
    return "purify, puface", 64, lambda: model(faces)


def training(device: str) -> tuple[str, int, Work]:
    """A step of a transformer of three sensors at 224 pixels."""
    model = Mmdg.untrained({"trunk": "vit_tiny_patch16_224:fresh", "size": 224}, seed=0).to(device)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    batch, objective = captures(16, 224).to(device), CrossEntropy()

    def step() -> None:
        optimizer.zero_grad()
        objective(model, batch).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return "train, a step of MMDG on ViT-Ti/16", 16, step


def seconds(work: Work, *, rounds: int, device: str, learns: bool) -> float:
    """Median wall time of a piece of work after two that warm up."""
    times = []
    for number in range(rounds + 2):
        start = time.perf_counter()
        with torch.set_grad_enabled(learns):
            work()
        if device == "cuda":
            torch.cuda.synchronize()
        if number >= 2:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> int:
    """Check and measure; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-tests", action="store_true")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print(f"gpu_check: no CUDA GPU on this machine (torch {torch.__version__}): nothing was checked or measured")
        return ABSENT
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    failed = 0 if given.no_tests else subprocess.call([sys.executable, "-m", "pytest", "-q", str(TESTS)])
    print(f"{torch.cuda.get_device_name()}; float32, torch {torch.__version__}, {torch.get_num_threads()} CPU threads")
    print("| work | a batch | CPU, samples/s | GPU, samples/s | GPU over CPU |\n|---|---|---|---|---|")
    for make in (scoring, attacking, embedding, purifying, training):
        rates = []
        try:
            for device in ("cpu", "cuda"):
                name, count, work = make(device)
                learns = make is training
                rates.append(count / seconds(work, rounds=given.rounds, device=device, learns=learns))
        except MissingAssetError as error:
            print(f"| {make.__name__}: {error.message} | | | | |")
            continue
        print(f"| {name} | {count} | {rates[0]:.1f} | {rates[1]:.1f} | {rates[1] / rates[0]:.1f} |")
    return failed


if __name__ == "__main__":
    sys.exit(main())
