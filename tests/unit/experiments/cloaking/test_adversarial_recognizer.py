"""A tracker that trains its recognizer on cloaks: it learns, it is kept, and it says what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.experiments.cloaking.adversarial_recognizer import AdaptiveTraining, AdversarialRecognizer
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.recognizer_build import build_recognizer
from facewarden.experiments.cloaking.recognizer_kinds import recognizer_kind
from facewarden.photos.aligned import embed_all, to_images
from facewarden.training.pairs import read_pairs as read
from facewarden.training.pairs import write_shard


class Halved(Recognizer):
    """Pools a face to 4x4 below and turns it above."""

    dim = 12

    def __init__(self) -> None:
        super().__init__()
        self.card = Card("halved", "halved", "recognizer")
        self.above = nn.Sequential(nn.Flatten(), nn.Linear(48, 12, bias=False))
        with torch.no_grad():
            self.above[1].weight.copy_(torch.randn(12, 48, generator=torch.Generator().manual_seed(0)))
        self.requires_grad_(False)

    def features(self, images: Tensor) -> Tensor:
        return self.above(self._below(images))

    def _below(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images, 4) - 0.5

    def halves(self) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        above = nn.Sequential(nn.Flatten(), nn.Linear(48, 12, bias=False))
        above.load_state_dict(self.above.state_dict())
        return self._below, above.requires_grad_(True)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Faces of sixteen patches; a cloak turns four of them around."""
    draw = np.random.default_rng(0)
    patches = draw.uniform(-60, 60, (120, 4, 4, 3))
    turned = patches.copy()
    turned[:, 0] *= -1
    clean, cloaked = (np.kron(127 + p, np.ones((1, 28, 28, 1))).astype(np.uint8) for p in (patches, turned))
    names = [f"{i}" for i in range(120)]
    kinds = ["lowkey_x" if i % 4 else "fawkes_y" for i in range(120)]
    write_shard(
        tmp_path / "pairs-000000.safetensors", clean=clean, cloaked=cloaked, person=names, key=names, kind=kinds
    )
    return tmp_path


def agreement(model: Recognizer, folder: Path) -> float:
    unseen = read(folder).split()[1]  # people nobody learned from
    assert len(unseen) > 2
    said = embed_all(model, to_images(unseen.cloaked)) * embed_all(Halved(), to_images(unseen.clean))
    return float(said.sum(axis=1).mean())


def test_it_learns_to_see_through_the_cloak_and_is_kept(pairs: Path, tmp_path: Path) -> None:
    how = AdaptiveTraining(epochs=30, batch=16, rate=1e-2)
    store = Store(tmp_path / "store")
    made = AdversarialRecognizer.learned(Halved(), pairs, how=how, store=store)
    assert agreement(made, pairs) > agreement(Halved(), pairs) + 0.1
    files = list((tmp_path / "store" / "adapted").iterdir())
    assert len(files) == 1
    before = files[0].stat().st_mtime_ns
    again = AdversarialRecognizer.learned(Halved(), pairs, how=how, store=store)
    assert files[0].stat().st_mtime_ns == before
    assert again.card == made.card
    assert recognizer_kind(made, [Halved()]) == "surrogate"
    assert made.card.name == "halved adapted"
    other = AdversarialRecognizer.learned(
        Halved(), pairs, how=AdaptiveTraining(epochs=1, kinds=("fawkes",)), store=store
    )
    assert other.card.sha256 != made.card.sha256


def test_what_cannot_be_adapted_is_refused(pairs: Path, tmp_path: Path) -> None:
    class Whole(Halved):
        def halves(self) -> None:  # type: ignore[override]
            return None

    store = Store(tmp_path / "store")
    with pytest.raises(BadInputError, match="no upper half"):
        AdversarialRecognizer.learned(Whole(), pairs, how=AdaptiveTraining(), store=store)
    with pytest.raises(BadInputError, match="no pairs of the kinds"):
        AdversarialRecognizer.learned(Halved(), pairs, how=AdaptiveTraining(kinds=("glasses",)), store=store)
    for wrong in (
        'robust{"base": "x", "pairs": "y"}',
        'adapted{"base": "x"}',
        'adapted{"base": "x", "pairs": "y", "z": 1}',
    ):
        with pytest.raises(BadInputError):
            build_recognizer(wrong, store=store)
