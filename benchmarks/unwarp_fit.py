"""Train the network of `unwarp`, which guesses by how much the parts of a face were moved: its artifact folder.

    python benchmarks/unwarp_fit.py lfw:DIR [--out src/facewarden/weights/unwarp] [--run runs/unwarp]

It learns from drawn warps of people of Labeled Faces in the Wild with fewer than ten photos: nobody whom cloaks or
purifiers are measured on, no recognizer, and no warp that was optimized. A stopped run goes on where it was. About an
hour of one core with native bfloat16.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from unwarp_draws import drawn

from facewarden.core.artifact import save_artifact, weights_of
from facewarden.core.card import Card
from facewarden.core.compute.precision import autocast
from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.population import only_looked_at
from facewarden.nn.displacement import DisplacementNet, over_the_crop, over_the_face, size_of
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import to_images
from facewarden.training.checkpoint import load_checkpoint, save_checkpoint
from facewarden.training.edits import KINDS_LEARNED, edited
from facewarden.training.schedule import set_rate
from facewarden.training.suspicion import fit_likelihood

OUT = Path(__file__).parent.parent / "src" / "facewarden" / "weights" / "unwarp"
_EVERY = 250  # steps between checkpoints
_DEV = 384


@dataclass(frozen=True)
class Training:
    """How it is trained: AdamW, the rate falls to zero as a half cosine."""

    epochs: int = 30
    batch: int = 48
    rate: float = 2e-3
    decay: float = 1e-4
    warmup: int = 200
    seed: int = 0
    outside: float = 0.3  # weight of the error outside of the face
    finely: float = 0.6  # share of the steps after the first ones whose warps are sampled finely
    finely_from: int = 3250
    widths: tuple[int, ...] = (32, 64, 112, 160)


Crops = NDArray[np.uint8]


def faces_of(spec: str, run: Path) -> tuple[Crops, Crops, int]:
    """Faces to learn from, faces of other people to look at, and of how many people the first are.

    Raises:
        BadInputError: another set: its people may be those that purifiers are measured on.
    """
    dataset = open_dataset(spec)
    if not isinstance(dataset, Lfw):
        raise BadInputError(f"{spec} is not Labeled Faces in the Wild", hint="lfw:DIR")

    def make() -> dict[str, Any]:
        made = align_photos(dataset, dataset.part("train"), aligner="yunet")
        return {"crops": made.crops, "person": np.array(made.person)}

    arrays = Store(run).get("crops", {"set": dataset.name, "part": "train", "aligner": "yunet"}, make)
    dev = np.array([only_looked_at(who) for who in arrays["person"].tolist()])
    return arrays["crops"][~dev], arrays["crops"][dev][:_DEV], len(set(arrays["person"][~dev].tolist()))


def fit(crops: Crops, dev: Crops, how: Training, run: Path) -> DisplacementNet:
    """Train; the mean squared error of the moves, over the face above all.

    A warp that is sampled at the size of the crop leaves a trace: places between two pixels are softer. It is a cue
    that a network finds first, and that warps of whole photos do not have; so most later steps learn from fainter ones.
    """
    torch.manual_seed(how.seed)
    network = DisplacementNet(widths=how.widths)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=how.rate, weight_decay=how.decay)
    state = load_checkpoint(run / "checkpoints", network, optimizer) or {"step": 0}
    per = len(crops) // how.batch
    total, weight, started = per * how.epochs, how.outside + (1 - how.outside) * over_the_face(), time.perf_counter()
    for step in range(int(state["step"]), total):
        rate = how.rate * min(1.0, (step + 1) / how.warmup) * 0.5 * (1 + math.cos(math.pi * step / total))
        set_rate(optimizer, rate)
        order = np.random.default_rng(derive(how.seed, "epoch", step // per)).permutation(len(crops))
        rows = order[step % per * how.batch :][: how.batch]
        finely = how.finely if step >= how.finely_from else 0.0
        seen, moves = drawn(crops[rows], np.random.default_rng(derive(how.seed, "draws", step)), finely=finely)
        network.train()
        with autocast("auto", "cpu"):
            guess = network(seen.contiguous(memory_format=torch.channels_last))
        loss = ((over_the_crop(guess.float()) - moves).square() * weight).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % _EVERY == 0 or step + 1 == total:
            save_checkpoint(run / "checkpoints", network, optimizer, step=step + 1, state={})
            seconds = round(time.perf_counter() - started)
            print(f"step {step + 1} of {total}, {seconds} s: {looked_at(network, dev)}", flush=True)
    return network.requires_grad_(False).eval()


def looked_at(network: DisplacementNet, dev: Crops) -> dict[str, float]:
    """On other people: energy of the moves that is left over the face, and the size of the guess without a warp."""
    told = {}
    for name, finely in (("left", 0.0), ("left_finely", 1.0)):
        rng = np.random.default_rng(derive(0, "dev"))
        seen, moves = drawn(dev, rng, natural=0.0, varied=finely > 0, finely=finely)
        told[name] = float((size_of(guesses(network, seen) - moves) / size_of(moves)).square().mean())
    return told | {"natural": float(size_of(guesses(network, to_images(dev))).median())}


def guesses(network: DisplacementNet, images: Tensor) -> Tensor:
    """Moves for every pixel."""
    network.eval()
    with torch.no_grad():
        return torch.cat([over_the_crop(network(part)) for part in torch.split(images, 64)])


def likelihood(network: DisplacementNet, dev: Crops) -> dict[str, Any]:
    """Logistic function of the logarithm of the size of the guess: natural and edited faces against drawn warps."""
    rng = np.random.default_rng(derive(0, "likelihood"))
    families = rng.choice(sorted(KINDS_LEARNED), len(dev))
    changed = np.stack([
        edited(crop, family, float(rng.choice(KINDS_LEARNED[family])), seed=number)
        for number, (crop, family) in enumerate(zip(dev, families.tolist(), strict=True))
    ])  # fmt: skip
    warped = drawn(dev, rng, natural=0.0)[0]
    sizes = [size_of(guesses(network, images)) for images in (to_images(dev), to_images(changed), warped)]
    logs = [values.clamp(min=1e-3).log().double().numpy()[:, None] for values in sizes]
    return fit_likelihood(np.concatenate(logs[:2]), logs[2])


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", help="lfw:DIR")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--run", type=Path, default=Path("runs/unwarp"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    how = Training()
    crops, dev, people = faces_of(args.set, args.run)
    network = fit(crops, dev, how, args.run)
    weights = weights_of(network, "float16")
    found = looked_at(network, dev)
    about = Card(
        name="unwarp",
        summary="Moves back the parts of an aligned face that a warp seems to have moved.",
        role="purifier",
        licence="Apache-2.0",
        source=f"benchmarks/unwarp_fit.py, seed {how.seed}",
        training_data=f"drawn warps of {len(crops)} photos of {people} people of Labeled Faces in the Wild with fewer "
        "than ten photos",
        intended_use="aligned faces of unknown origin that may have been moved by a smooth field, as the attack `warp` "
        "does; `puface_gated` uses it",
        limits=f"of drawn warps of other people {100 * found['left']:.0f} % of the energy is left; of a field of 16 "
        "points up to two thirds of the protection stay, with noise or JPEG a part; gray, small photos are often "
        "detected as warped; cloaks that were made through it may survive it; aligned faces alone "
        "(docs/results/purifier_two.md)",
        settings={"network": {"widths": list(how.widths)}, "suspicion": likelihood(network, dev)},
    )
    recipe = {"command": "benchmarks/unwarp_fit.py", "training": asdict(how), "aligner": "yunet", "dev": found}
    print(save_artifact(args.out, weights, card=about, recipe=recipe).training_data, found)


if __name__ == "__main__":
    main()
