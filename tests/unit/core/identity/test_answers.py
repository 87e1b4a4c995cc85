"""A model whose weights lie outside of its file is known by what it answers when it is loaded."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.identity.given import own_model
from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.core.roles import Recognizer
from facewarden.nn.foreign.probe import ANSWERS, answers_hash
from facewarden.pad.parts.local_service import decode, serve

CODE = """
    from pathlib import Path
    import numpy as np
    import torch
    from facewarden.core.card import Card
    from facewarden.core.roles import Detector, PadOutput

    def weights():
        return np.load(Path(__file__).with_name("w.npy"))

    class Net:
        size, scale, mean, std, output = 112, None, 127.5, 127.5, "logits"

        def __call__(self, images):
            return np.asarray(images).mean(axis=(2, 3)) @ weights()

    def embed(images):
        return np.asarray(images).mean(axis=(2, 3)) @ weights()
    embed.size, embed.mean, embed.std = 112, 127.5, 127.5

    class Darker:
        mean, std, output = 0.0, 255.0, "unit"

        def __call__(self, images):
            return images * float(abs(weights()).mean())

    class Own(Detector):
        frame_size = 32
        card = Card("own", "A detector of a class of its own", "pad")

        def predict(self, batch):
            means = batch.images["rgb"].mean(dim=(2, 3)).double()
            return PadOutput(score=(means @ torch.from_numpy(weights())[:, 0]).float())
"""
RESOLVE: dict[str, Callable[[str], Any]] = {
    "Net": resolve_detector, "Own": resolve_detector, "embed": resolve_recognizer, "Darker": resolve_purifier,
}  # fmt: skip


def put_weights(folder: Path, *, seed: int, count: int) -> None:
    np.save(folder / "w.npy", np.random.default_rng(seed).normal(0, 0.3, (3, count)))


@pytest.mark.parametrize(("name", "count"), [("Net", 2), ("Own", 1), ("embed", 32), ("Darker", 4)])
def test_weights_beside_the_code_are_part_of_what_a_model_is(tmp_path: Path, name: str, count: int) -> None:
    (tmp_path / "own.py").write_text(textwrap.dedent(CODE))
    put_weights(tmp_path, seed=0, count=count)
    first = RESOLVE[name](f"{tmp_path}/own.py:{name}").card
    assert RESOLVE[name](f"{tmp_path}/own.py:{name}").card.identity() == first.identity()
    put_weights(tmp_path, seed=1, count=count)
    other = RESOLVE[name](f"{tmp_path}/own.py:{name}").card
    assert other.identity() != first.identity()
    assert other.sha256[ANSWERS] != first.sha256[ANSWERS]


def test_a_service_that_answers_otherwise_is_another_one(tmp_path: Path) -> None:
    gain = [1.0]

    def answer(request: dict[str, Any]) -> tuple[int, bytes]:
        means = [gain[0] * float(np.asarray(decode(one["rgb"])).mean()) + 1 for one in request["samples"]]
        return 200, json.dumps({"scores": means}).encode()

    url, server = serve(answer)
    try:
        first = resolve_detector(url).card.identity()
        assert resolve_detector(url).card.identity() == first
        gain[0] = 1.5
        assert resolve_detector(url).card.identity() != first
    finally:
        server.shutdown()
        server.server_close()


def test_noise_of_the_last_bits_changes_no_hash() -> None:
    values = torch.randn(8, 128, generator=torch.Generator().manual_seed(5))
    noise = 1 + 1e-7 * torch.randn(8, 128, generator=torch.Generator().manual_seed(6))
    assert answers_hash(values * noise) == answers_hash(values)
    assert answers_hash(values * 1.01) != answers_hash(values)
    assert answers_hash(values[:, :64]) != answers_hash(values)


class ByArray(Recognizer):
    """A recognizer whose weights are a plain array among its attributes."""

    dim = 4

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.card = Card("by_array", "An array", "recognizer")
        self.weight = np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)

    def features(self, images: Tensor) -> Tensor:
        """Means of colors times the array."""
        return images.mean(dim=(2, 3)) @ torch.from_numpy(self.weight)


def test_arrays_of_an_object_are_part_of_what_it_is() -> None:
    first, again, other = (own_model(ByArray(seed), role="recognizer").card.identity() for seed in (0, 0, 1))
    assert first == again
    assert first != other
