"""The alternative to purification: the tracker trains its recognizer on cloaks that it made itself.

FaceCure's adaptive tracker cloaks a public set with the known tools, and trains the whole extractor as a classifier of
natural and cloaked copies. Ours trains the upper half only, whose lower half is read once, and asks it for what the
published network says of the natural photo, whether it is cloaked or not: with about one photo a person a classifier
has nothing to generalize from. Both need no purifier, and both must be repeated for every recognizer.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facewarden.core.compute.device import device_of
from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.core.roles import Recognizer
from facewarden.core.seeding import derive
from facewarden.experiments.cloaking.array_store import Store, pixels_key
from facewarden.photos.aligned import to_images
from facewarden.training.pairs import PairSet, read_pairs


@dataclass(frozen=True)
class AdaptiveTraining:
    """How the upper half is trained.

    Attributes:
        photos: pairs learned from.
        kinds: cloaks learned from, by the beginning of their names in the recipe of the pairs; all when empty.
        epochs, batch, rate: of Adam.
        seed: of the order.
    """

    photos: int = 2400
    kinds: tuple[str, ...] | list[str] = ()
    epochs: int = 6
    batch: int = 64
    rate: float = 3e-4
    seed: int = 0


class AdversarialRecognizer(Recognizer):
    """A recognizer with a retrained upper half.

    Args:
        base: the published one.
        above: its upper half.
        mark: hash of the new weights.
        settings: how it was trained.
    """

    def __init__(self, base: Recognizer, above: nn.Module, *, mark: str, settings: dict[str, Any]) -> None:
        super().__init__()
        cut = base.halves()
        assert cut is not None
        self.dim, self._below, self.above = base.dim, cut[0], above.eval().requires_grad_(False)
        self.network = getattr(base, "network", None)
        self.asked_precision = base.asked_precision
        self.card = replace(
            base.card,
            name=f"{base.card.name} adapted",
            summary=f"{base.card.summary}; upper half trained on cloaks",
            sha256={**base.card.sha256, "above": mark},
            settings={**base.card.settings, "base": base.card.name, "training": settings},
        )

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding of crops in [0, 1]."""
        embedding: Tensor = self.above(self._below(images))
        return embedding

    @classmethod
    def learned(cls, base: Recognizer, pairs: Path, *, how: AdaptiveTraining, store: Store) -> AdversarialRecognizer:
        """Train the upper half on pairs, or read the stored weights.

        Args:
            base: a recognizer that offers halves.
            pairs: folder of `facewarden cloak-pairs`; its people are in no evaluation.
            how: the training.
            store: keeps the weights.

        Raises:
            BadInputError: no pairs, none of these kinds, or a recognizer that cannot be cut in two.
        """
        cut = base.halves()
        if cut is None:
            raise BadInputError(f"{base.card.name} has no upper half to train", hint="mobilefacenet_512")
        chosen = _chosen(read_pairs(pairs).split()[0], how)
        settings: dict[str, Any] = {**asdict(how), "kinds": list(how.kinds)}
        recipe = {"base": base.card.identity(), "pairs": pixels_key(chosen.cloaked), **settings}
        head = cut[1]

        def make() -> dict[str, NDArray[Any]]:
            _learn(base, cut[0], head, chosen, how)
            return {name: value.cpu().numpy() for name, value in head.state_dict().items()}

        arrays = store.get("adapted", recipe, make)
        head.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        mark = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest()
        return cls(base, head, mark=mark, settings=settings)


def _chosen(pairs: PairSet, how: AdaptiveTraining) -> PairSet:
    rows = [row for row, kind in enumerate(pairs.kind) if not how.kinds or kind.startswith(tuple(how.kinds))]
    if not rows:
        raise BadInputError(f"no pairs of the kinds {list(how.kinds)}", hint=f"there are {sorted(set(pairs.kind))}")
    return pairs.rows(rows[: how.photos])


def _learn(base: Recognizer, below: Any, head: nn.Module, pairs: PairSet, how: AdaptiveTraining) -> None:
    """Train the upper half to give both copies the published network's embedding of the natural one."""
    lower, said, device = [], [], device_of(head) or torch.device("cpu")
    for start in track(range(0, len(pairs), 64), label="reading pairs", unit="batches"):
        some = slice(start, start + 64)
        clean, cloaked = (to_images(part[some]).to(device) for part in (pairs.clean, pairs.cloaked))
        with torch.no_grad():
            lower.append(torch.stack([below(clean), below(cloaked)], dim=1).half())
            said.append(base.embed(clean))
    inputs, targets = torch.cat(lower), torch.cat(said)
    steps = torch.optim.Adam(head.parameters(), lr=how.rate)
    total = how.epochs * -(-len(inputs) // how.batch)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(steps, T_max=total)
    order = torch.Generator().manual_seed(derive(how.seed, "adapted"))
    for _ in track(range(how.epochs), label=f"training {base.card.name} on cloaks", unit="epochs"):
        for rows in torch.split(torch.randperm(len(inputs), generator=order), how.batch):
            natural, cloaked = inputs[rows].float().unbind(dim=1)
            embedded = nn.functional.normalize(head(torch.cat([natural, cloaked])), dim=1)
            loss = 1 - (embedded * targets[rows].repeat(2, 1)).sum(dim=1).mean()
            steps.zero_grad()
            torch.autograd.backward(loss)
            steps.step()
            falling.step()
    assert np.isfinite(float(loss.detach()))
