"""Does drawing help against cloaks that are made through the purifier? The attacker knows all but the draw.

    python benchmarks/drawn_purifier.py lfw:DIR --out docs/results/purifier_two/drawn.json
        [--members runs/amplification/*] [--run runs/drawn_purifier]

Three purifiers: `puface`; `drawn`, in which what `puface` subtracts is weighed by a drawn share, and predicted after a
drawn shift and drawn noise; `ensemble`, in which the network is drawn as well, among that of `puface` and `--members`.
Every draw hangs on the content of the face and a seed. Cloaks are LowKey at 8 gray levels, whose gradient is the mean
over four draws of other seeds at each step; every step draws anew. People who are not sealed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.files import write_json
from facewarden.core.resolve import resolve_purifier
from facewarden.core.roles import Purifier
from facewarden.core.seeding import derive
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.measure import measure
from facewarden.experiments.cloaking.population import load_crowd

SURROGATES = ("mobilefacenet_512", "dlib_resnet34")
RECOGNIZERS = (*SURROGATES, "mobilefacenet_128", "faceres", "sface", "facenet_inception")
ATTACKER, TRACKER = (1, 2, 3, 4), 0
"""Seeds of the draws that the attacker takes the mean over, and of the tracker's."""
SKIPPED, SPLITS = 16, (0, 1, 2)
SHIFT, NOISE, LOWEST = 3, 4.0, 0.4
NAMES = ("puface", "drawn", "ensemble")


class Drawn(Purifier):
    """Subtracts a drawn share of what one of several networks predicts, which sees the face shifted and with noise.

    Args:
        members: the networks, as purifiers.
        name: for the card.
        seed: of the draws; a face of the same content meets the same draw.
    """

    differentiable = True

    def __init__(self, members: Sequence[Purifier], *, name: str, seed: int) -> None:
        self.members, self.seed = list(members), seed
        self.card = Card(
            name=name, summary="An experiment: what puface subtracts, in a drawn way.", role="purifier",
            licence="Apache-2.0", source="benchmarks/drawn_purifier.py", training_data="that of puface",
            intended_use="research", limits="an experiment",
            settings={
                "seed": seed, "shift": SHIFT, "noise": NOISE, "lowest": LOWEST,
                "members": [member.card.sha256 for member in members],
            },
        )  # fmt: skip

    def purify(self, images: Tensor) -> Tensor:
        """As of `Purifier`."""
        return torch.cat([self._one(image[None]) for image in images]) if len(images) else images

    def _one(self, image: Tensor) -> Tensor:
        content = (image.detach() * 255).round().to(torch.uint8).contiguous().numpy().tobytes().hex()
        draw = torch.Generator().manual_seed(derive(self.seed, "drawn", content))
        member = self.members[int(torch.randint(len(self.members), (), generator=draw))]
        across, down = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=draw).tolist()
        share = LOWEST + (1.2 - LOWEST) * float(torch.rand((), generator=draw))
        grain = NOISE / 255 * float(torch.rand((), generator=draw))
        noise = grain * torch.randn(image.shape, generator=draw).to(image)
        seen = (image.roll((down, across), (2, 3)) + noise).clamp(0.0, 1.0)
        change = (member(seen) - seen).roll((-down, -across), (2, 3))
        return (image + share * change).clamp(0.0, 1.0)


def builder(members: Sequence[Path]) -> Callable[[str], Purifier]:
    """From a name of `NAMES`, with `:SEED` behind those that draw, to the purifier; other names are the registry's."""
    puface = resolve_purifier("puface")
    known = {"drawn": [puface], "ensemble": [puface, *(resolve_purifier(f"puface:{one}") for one in members)]}

    def build(spec: str) -> Purifier:
        name, _, seed = spec.partition(":")
        return Drawn(known[name], name=name, seed=int(seed)) if name in known else resolve_purifier(spec)

    return build


def measured(lab: ExperimentCache, people: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """Cells by purifier that the cloak was made through, and the one that the tracker uses."""
    cells = []
    for name in names:
        own = name if name == "puface" else f"{name}:{TRACKER}"
        through = (own,) if name == "puface" else tuple(f"{name}:{seed}" for seed in ATTACKER)
        settings = {"pace": "swift", "steps": 28, "precision": "bfloat16"}
        cloak = CloakRecipe(attack="lowkey", level="8", surrogates=SURROGATES, through=through, settings=settings)
        for purifier in dict.fromkeys(("identity", "puface", own)):
            found = measure(
                lab, cloak, purifier=purifier, tracker="nearest", recognizers=RECOGNIZERS, attackers=people,
                skip_people=SKIPPED, seeds=SPLITS,
            )  # fmt: skip
            cells += [{"through": name, **cell.as_json(), "purifier": purifier.partition(":")[0]} for cell in found]
    return cells


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", help="lfw:DIR")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--run", type=Path, default=Path("runs/drawn_purifier"))
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--members", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    torch.set_num_threads(1)
    store = Store(args.run)
    crowd = load_crowd(args.set, people=10**6, photos=5, distractors=40, store=store, without_sealed=True)
    lab = ExperimentCache(crowd, args.run, purifier=builder(args.members))
    names = NAMES if args.members else NAMES[:-1]
    cells = measured(lab, args.people, names)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.out, {"members": 1 + len(args.members), "cells": cells})
    print(f"{len(cells)} cells")


if __name__ == "__main__":
    main()
