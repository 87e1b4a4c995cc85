"""Every attack on a tiny stand-in detector of three modalities: budget, truth, determinism, independence."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch

from facewarden.core.attack import Attack, AttackResult
from facewarden.core.decision_goal import Evade
from facewarden.core.embedding_goal import PushAway
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.threat import ThreatModel
from registered import build_attack, names
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces

pytestmark = [
    pytest.mark.parametrize("name", names("attacks"), scope="module"),
    pytest.mark.parametrize("norm", ["linf", "l2"]),
]
EPS = {"linf": 0.06, "l2": 0.6}


DETECTOR, RECOGNIZER = TinyDetector(), TinyRecognizer()
"""Shared, so that the copies that attacks read gradients of are made once; an attack leaves both as they were."""


def evade(rows: list[int] | None = None) -> Evade:
    batch = make_batch(4)
    return Evade(DETECTOR, batch if rows is None else batch.select(rows), threshold=0.0)


def threat(norm: Any, *, eps: float | None = None, modalities: tuple[Modality, ...] = MODALITIES) -> ThreatModel:
    return ThreatModel(norm=norm, eps=EPS[norm] if eps is None else eps, modalities=modalities)


def attack(name: str, norm: str, **options: Any) -> AttackResult:
    return built(name)(evade(), threat(norm), **options)


@functools.cache
def reference(name: str, norm: str) -> AttackResult:
    """What the attack finds on all four samples in all modalities; other runs are compared with it."""
    return attack(name, norm, seed=0)


def built(name: str) -> Attack:
    attack: Attack = build_attack(name)
    return attack


@pytest.mark.parametrize("modalities", [("rgb",), ("depth",), ("rgb", "infrared"), MODALITIES])
def test_it_keeps_its_budget_and_touches_nothing_else(name: str, norm: str, modalities: tuple[Modality, ...]) -> None:
    whole = modalities == MODALITIES
    result = reference(name, norm) if whole else built(name)(evade(), threat(norm, modalities=modalities))
    for modality, clean in evade().clean.items():
        image = result.images[modality]
        assert image.shape == clean.shape
        assert image.dtype == clean.dtype
        assert not image.requires_grad
        assert float(image.min()) >= 0.0
        assert float(image.max()) <= 1.0
        if modality not in modalities:
            assert torch.equal(image, clean)
            continue
        change = (image.double() - clean.double()).flatten(1)
        length = change.abs().amax(dim=1) if norm == "linf" else change.norm(dim=1)
        if built(name).own_budget is None:
            assert float(length.max()) <= EPS[norm] * (1 + 1e-5)
        else:  # counted in something else than values: the attack says what each value may become
            low, high = built(name).bounds(clean)
            assert bool(((low - 1e-6 <= image) & (image <= high + 1e-6)).all())
            assert float((high - low).amin()) < 0.9, "bounds that bound nothing"
        assert float(length.max()) > 0.0, "an attack that does nothing"


def test_without_a_budget_it_returns_the_clean_images(name: str, norm: str) -> None:
    result = built(name)(evade(), threat(norm, eps=0.0))
    for modality, clean in evade().clean.items():
        assert torch.equal(result.images[modality], clean)
    assert torch.equal(result.success, result.success_clean)


def test_the_same_seed_gives_the_same_bits_and_all_else_stays_as_it_was(name: str, norm: str) -> None:
    first, detector, batch = reference(name, norm), TinyDetector(), make_batch(4)
    pixels = {modality: image.clone() for modality, image in batch.images.items()}
    weights = {key: value.clone() for key, value in detector.state_dict().items()}
    key = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(99)
        state = torch.random.get_rng_state()
        again = built(name)(Evade(detector, batch, threshold=0.0), threat(norm), seed=0)
        assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], key)  # noqa: NPY002
    assert all(torch.equal(first.images[modality], again.images[modality]) for modality in MODALITIES)
    assert (first.gradient_calls, first.queries) == (again.gradient_calls, again.queries)
    assert all(torch.equal(batch.images[modality], image) for modality, image in pixels.items())
    assert all(torch.equal(detector.state_dict()[key], value) for key, value in weights.items())
    assert all(parameter.grad is None for parameter in detector.parameters())


def test_a_sample_is_attacked_alike_in_any_company(name: str, norm: str) -> None:
    together = reference(name, norm)
    for rows in ([3, 0, 2, 1], [2], [1, 3]):
        apart = built(name)(evade(rows), threat(norm))
        for modality in MODALITIES:
            torch.testing.assert_close(apart.images[modality], together.images[modality][rows], atol=1e-5, rtol=0)


def test_a_gradient_attack_does_not_help_the_defender(name: str, norm: str) -> None:
    result = reference(name, norm)
    if built(name).needs_gradients:
        assert bool((result.loss >= result.loss_clean).all())
        assert result.gradient_calls > 0
    else:
        assert result.gradient_calls == 0


def test_it_takes_a_recognizer_as_well(name: str, norm: str) -> None:
    objective = PushAway([RECOGNIZER], make_faces(2), keys=("a", "b"))
    result = built(name)(objective, threat(norm, modalities=("rgb",)))
    assert result.images["rgb"].shape == (2, 3, 112, 112)
    assert bool((result.loss >= result.loss_clean - 1e-6).all())


def test_it_takes_no_samples_at_all(name: str, norm: str) -> None:
    result = built(name)(evade([]), threat(norm))
    assert result.images["rgb"].shape == (0, 3, 12, 12)
