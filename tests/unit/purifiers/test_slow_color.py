"""Slow colors are replaced by those of the average face; puface_gated takes its steps for suspected faces alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch.nn import functional

from facewarden.core.artifact import save_artifact
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.resolve import resolve_purifier
from facewarden.photos.cloak_detector import CloakDetector
from facewarden.purifiers import slow_color
from facewarden.purifiers.puface import PuFace
from facewarden.purifiers.puface_broad import PuFaceBroad
from facewarden.purifiers.puface_gated import PuFaceGated
from facewarden.purifiers.slow_color import DARK, SlowColor, average_face
from facewarden.purifiers.unwarp import Unwarp
from stand_ins import generator, make_faces


def tinted(images: torch.Tensor, *, strength: float = 0.2) -> torch.Tensor:
    """Images with a gain of each color that varies over five points of a side."""
    field = strength * (2 * torch.rand(len(images), 3, 5, 5, generator=generator(3)) - 1)
    gain = functional.interpolate(field, size=images.shape[-2:], mode="bicubic", align_corners=True)
    return images * (1.0 + gain)


def detailed(count: int = 4) -> torch.Tensor:
    """Gray pictures with fine structure, not too near to black and white."""
    return 0.3 + 0.2 * make_faces(count) + 0.1 * torch.rand(count, 3, 112, 112, generator=generator(2))


def test_a_tint_goes_and_fine_structure_stays() -> None:
    faces = detailed()
    purifier = SlowColor()
    before = (tinted(faces) - faces).square().mean()
    after = (purifier(tinted(faces)) - purifier(faces)).square().mean()
    assert float(after) < 0.1 * float(before)
    fine = [images - functional.avg_pool2d(images, 5, 1, 2) for images in (torch.log(faces + DARK),
            torch.log(purifier(faces) + DARK))]  # fmt: skip
    inside = (slice(None), slice(None), slice(8, 104), slice(8, 104))
    likeness = functional.cosine_similarity(fine[0][inside].flatten(1), fine[1][inside].flatten(1))
    assert float(likeness.min()) > 0.98


def test_two_flat_pictures_become_the_same_slow_face() -> None:
    dark, light = torch.full((1, 3, 112, 112), 0.2), torch.full((1, 3, 112, 112), 0.7)
    purifier = SlowColor()
    torch.testing.assert_close(purifier(dark), purifier(light), atol=1e-5, rtol=0)
    assert float(purifier(dark).std()) > 0.01  # that of a face, not of a flat picture


def test_a_wider_filter_renews_less() -> None:
    faces = detailed()
    left = [
        float((SlowColor(sigma=sigma)(tinted(faces)) - SlowColor(sigma=sigma)(faces)).square().mean())
        for sigma in (4.0, 8.0, 24.0)
    ]
    assert left == sorted(left)


@pytest.mark.parametrize("size", [(112, 112), (37, 50), (1, 1), (224, 224)])
def test_any_size_is_kept_and_an_attacker_gets_gradients(size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size, generator=generator(1)).requires_grad_(True)
    purified = SlowColor()(images)
    assert purified.shape == images.shape
    purified.square().sum().backward()
    assert images.grad is not None
    assert (float(images.grad.abs().sum()) > 0) == (size != (1, 1))  # a single pixel has slow colors alone
    assert SlowColor()(torch.zeros(0, 3, *size)).shape == (0, 3, *size)


def test_the_same_face_twice_as_large_is_treated_alike() -> None:
    faces = detailed(2)
    large = functional.interpolate(faces, size=224, mode="bilinear", align_corners=False)
    small = functional.interpolate(SlowColor()(large), size=112, mode="area")
    assert float((small - SlowColor()(faces))[..., 8:-8, 8:-8].abs().mean()) < 0.02


def test_what_is_no_average_face_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInputError, match="sigma must be in"):
        SlowColor(sigma=0.0)
    with pytest.raises(BadInputError, match="sigma must be in"):
        SlowColor(sigma=float("nan"))
    shape = Card(name="slow_color", summary="no face", role="purifier")
    save_artifact(tmp_path / "gray", {"average": torch.zeros(1, 4, 4)}, card=shape, recipe={})
    with pytest.raises(BadInputError, match="no average face"):
        SlowColor(weights=tmp_path / "gray")
    save_artifact(tmp_path / "own", {"average": average_face(make_faces(4))}, card=shape, recipe={})
    assert SlowColor(weights=tmp_path / "own").card.sha256 != SlowColor().card.sha256
    monkeypatch.setattr(slow_color, "_SHIPPED", tmp_path / "none")
    with pytest.raises(MissingAssetError, match="slow_color_fit"):
        SlowColor()


def test_a_closed_gate_is_puface_and_an_open_one_takes_the_step_for_every_face() -> None:
    faces = make_faces(3)
    restored = PuFace()(faces)
    assert torch.equal(PuFaceGated(gate=1.0, kinds="tint")(faces), restored)
    torch.testing.assert_close(PuFaceGated(gate=0.0, kinds="tint", step="slow_color")(faces), SlowColor()(restored))
    broad = PuFaceBroad()(faces)
    torch.testing.assert_close(PuFaceGated(gate=0.0, kinds="tint")(faces), broad)
    assert float((broad - restored).abs().max()) > 0
    each = PuFace().kind_likelihoods(faces, restored)
    for kinds, told in ((["tint"], each[:, 2]), ("smooth", each[:, 1]), (["tint", "smooth"], each[:, 1:].amax(dim=1))):
        _gated_between(faces, restored, told, kinds)


def _gated_between(faces: torch.Tensor, restored: torch.Tensor, told: torch.Tensor, kinds: str | list[str]) -> None:
    between = float(told.sort().values[:2].mean())
    for step, other in (("slow_color", SlowColor()(restored)), ("puface_broad", PuFaceBroad()(faces))):
        some = PuFaceGated(gate=between, kinds=kinds, step=step)(faces)
        for face, likelihood, made in zip(range(3), told.tolist(), some, strict=True):
            torch.testing.assert_close(made, other[face] if likelihood >= between else restored[face])


def test_the_gate_does_not_stop_gradients_and_an_empty_batch_passes() -> None:
    faces = make_faces(2).requires_grad_(True)
    PuFaceGated(gate=0.0)(faces).square().sum().backward()
    assert faces.grad is not None
    assert float(faces.grad.abs().sum()) > 0
    made, each = PuFaceGated().purified_by_kind(torch.zeros(0, 3, 112, 112))
    assert made.shape == (0, 3, 112, 112)
    assert each.shape == (0, 4)
    with pytest.raises(BadInputError, match="gate is a likelihood"):
        PuFaceGated(gate=1.1)
    with pytest.raises(BadInputError, match=r"puface_broad.*slow_color"):
        resolve_purifier('puface_gated{"step": "blur"}')
    for kinds in (["noise"], ["mask"], []):
        with pytest.raises(BadInputError, match="detected are smooth, tint, warp"):
            PuFaceGated(kinds=kinds)


def test_the_step_for_smooth_cloaks_and_tints_comes_before_the_one_for_warps() -> None:
    faces = make_faces(2)
    both = PuFaceGated(gate=0.0, warp_gate=0.0)
    torch.testing.assert_close(both(faces), Unwarp(gate=0.0)(PuFaceBroad()(faces)))
    late = PuFaceGated(gate=0.0, warp_gate=0.0, step="slow_color")
    torch.testing.assert_close(late(faces), SlowColor()(Unwarp(gate=0.0)(PuFace()(faces))))
    assert late.card.settings["sigma"] == 8.0
    assert "sigma" not in both.card.settings
    for gate in (0.0, 1.0):  # the step changes no likelihood
        told = PuFaceGated(gate=gate, kinds=["tint", "warp"]).purified_by_kind(faces)[1]
        torch.testing.assert_close(told, late.purified_by_kind(faces)[1])
    assert "step" not in PuFaceGated(kinds="warp").card.settings
    with pytest.raises(BadInputError, match="sigma 12 without the step slow_color"):
        PuFaceGated(sigma=12.0)
    assert both.card.sha256["puface_broad/weights.safetensors"] == PuFaceBroad().card.sha256["weights.safetensors"]


def test_the_detector_says_of_it_what_it_says_of_puface() -> None:
    faces = torch.cat([make_faces(2), tinted(detailed(2))])
    gated, plain = CloakDetector(PuFaceGated(gate=0.0, kinds="tint")), CloakDetector(PuFace())
    made, found = gated.purified(faces)
    assert found == plain.suspicions(faces) == gated.suspicions(faces)
    assert gated.kinds == plain.kinds == ("noise", "smooth", "tint")
    torch.testing.assert_close(made, gated.purifier(faces))
    torch.testing.assert_close(plain.purified(faces)[0], PuFace()(faces))
    torch.testing.assert_close(PuFaceGated(kinds="tint").likelihood(faces), PuFace().likelihood(faces))
    assert gated.purified(faces[:0])[1] == []


@pytest.mark.parametrize("step", ["slow_color", "puface_broad"])
@pytest.mark.parametrize(("own", "asked"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_a_precision_that_is_asked_for_holds_for_the_networks_inside_on_every_way(
    own: str, asked: str, step: Literal["slow_color", "puface_broad"]
) -> None:
    faces = make_faces(3)
    gated = resolve_purifier(PuFaceGated(gate=0.0, kinds="tint", step=step, precision=own), precision=asked)
    assert isinstance(gated, PuFaceGated)
    made, each = gated.purified_by_kind(faces)
    restored = resolve_purifier(PuFace(precision=own), precision=asked)(faces)
    broad = resolve_purifier(PuFaceBroad(precision=own), precision=asked)
    wanted = SlowColor()(restored) if step == "slow_color" else broad(faces)
    for purified in (made, gated(faces)):
        torch.testing.assert_close(purified, wanted, atol=2e-6, rtol=0)
    torch.testing.assert_close(each, PuFace().kind_likelihoods(faces, restored), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("dtype", "steps"), [(torch.float16, 0.1), (torch.bfloat16, 0.6)])
def test_logarithms_are_computed_in_single_precision(dtype: torch.dtype, steps: float) -> None:
    faces = make_faces(2).to(dtype)  # bfloat16 has steps of one gray level itself
    made = SlowColor()(faces)
    assert made.dtype == dtype
    assert float((made.float() - SlowColor()(faces.float())).abs().max()) * 255 < steps
