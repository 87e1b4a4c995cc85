"""Numbers that evidence reads: relief does not know the encoding of depth, fine structure sees halftone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facewarden.nn.evidence.describer import GRID, EvidenceDescriber
from facewarden.nn.evidence.relief import PLACES, Relief
from facewarden.nn.evidence.spectrum import BANDS, fine_structure
from facewarden.nn.trunk import load_trunk

SIDE = 64


def surface(kind: str) -> np.ndarray:
    """Depth in [0, 1] of a plane, a cylinder or a head with a nose."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
    tilt = 0.1 * x + 0.05 * y
    shape = {
        "plane": 0 * x,
        "cylinder": -0.9 * x**2,
        "head": -0.7 * x**2 - 0.5 * y**2 + 0.08 * np.exp(-((x / 0.05) ** 2 + ((y - 0.05) / 0.07) ** 2)),
    }[kind]
    return (0.55 + tilt + shape).astype(np.float32)


def pixels(depth: np.ndarray) -> torch.Tensor:
    color = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    gray = torch.from_numpy(depth).expand(3, -1, -1)
    return torch.stack([color, gray, color])[:, None]


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.2), (-0.6, 0.9), (-1.0, 1.05)])
def test_relief_is_the_same_for_every_gain_and_sign_of_the_encoding(gain: float, offset: float) -> None:
    depth = surface("head")
    one, other = (Relief().blocks(pixels(d))[0] for d in (depth, gain * depth + offset))
    torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-3)


def test_planes_cylinders_and_heads_have_different_curvatures_and_a_nose_is_in_front() -> None:
    found = {kind: Relief().blocks(pixels(surface(kind)))[0][0] for kind in ("plane", "cylinder", "head")}
    first, second = 3, 4
    assert abs(float(found["cylinder"][second])) < 0.1 * abs(float(found["cylinder"][first]))
    assert abs(float(found["head"][second])) > 0.4 * abs(float(found["head"][first]))
    nose, cheeks = 5 + list(PLACES).index("nose"), 5 + list(PLACES).index("left cheek")
    assert float(found["head"][nose]) > float(found["head"][cheeks]) + 0.05
    assert abs(float(found["cylinder"][nose])) < 0.02


def test_halftone_is_a_peak_that_halving_the_picture_removes() -> None:
    y, x = np.mgrid[0:128, 0:128]
    face = 0.5 + 0.2 * np.sin(x / 20.0) * np.cos(y / 23.0)
    printed = face + 0.1 * np.sin(2 * np.pi * 0.4 * x)
    noise = np.random.default_rng(0).normal(0, 0.01, face.shape)

    def numbers(image: np.ndarray) -> torch.Tensor:
        return fine_structure(torch.from_numpy((image + noise[: len(image), : len(image)]).astype(np.float32))
                              .clamp(0, 1).expand(1, 3, -1, -1).clone())[0]  # fmt: skip

    peak = BANDS + 1
    assert float(numbers(printed)[peak]) > float(numbers(face)[peak]) + 2
    halved = printed.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert float(numbers(halved)[peak]) < float(numbers(printed)[peak]) - 2


def test_the_description_has_the_blocks_that_the_terms_read() -> None:
    trunk = load_trunk("vit_tiny_patch16_224:fresh", size=32, seed=0, depth=4)
    made = EvidenceDescriber(trunk).eval()
    batch = torch.rand(3, 2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = made(batch)
        no_depth = made(batch, torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]))
    assert whole.shape == (2, made.width)
    assert torch.isfinite(whole).all()
    for block, needs in zip(no_depth.split(list(made.widths), dim=1), made.needs, strict=True):
        assert bool(block[0].isnan().all()) == ("depth" in needs)
        assert not block[1].isnan().any()
    for term in made.terms:
        assert set(term.needs) == {name for block in term.blocks for name in made.needs[block]}
        if term.kind == "typical":
            assert term.places == GRID**2
            assert made.widths[term.blocks[0]] % term.places == 0
