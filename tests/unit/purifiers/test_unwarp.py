"""Warps are guessed and undone; what is not warped stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facewarden.attacks.warp import Warp
from facewarden.core.artifact import save_artifact
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.threat import ThreatModel
from facewarden.nn.displacement import (
    DisplacementNet,
    inverse,
    over_the_crop,
    over_the_face,
    sample_at,
    sample_finely,
    size_of,
)
from facewarden.nn.fast_forward import in_torch
from facewarden.photos.aligned import to_images
from facewarden.photos.cloak_detector import CloakDetector
from facewarden.photos.synthetic import drawn_faces
from facewarden.purifiers import unwarp
from facewarden.purifiers.puface import PuFace
from facewarden.purifiers.puface_gated import PuFaceGated
from facewarden.purifiers.unwarp import Unwarp
from stand_ins import generator, make_faces


def drawn_moves(count: int, *, pixels: float = 2.5) -> torch.Tensor:
    """Moves of a drawn warp of the whole crop, in pixels."""
    field = torch.rand(count, 2, 8, 8, generator=generator(5)) * 2 - 1
    return Warp(pixels=pixels).displacement(field, 112, 112)


def told(moves: torch.Tensor, *, gate: float = 0.5) -> Unwarp:
    """One whose network gives these moves on its grid, whatever it sees."""
    purifier = Unwarp(gate=gate)

    class Fixed(DisplacementNet):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return moves[: len(images)] + 0 * images.mean()

    purifier.network = Fixed().eval()
    return purifier


def test_moves_are_undone_by_their_inverse() -> None:
    moves = drawn_moves(3)
    places = torch.stack(torch.meshgrid(torch.arange(112.0), torch.arange(112.0), indexing="xy"))
    back = inverse(moves)
    there = places + back + sample_at(moves, back)  # go back, and then where the warp leads from there
    inside = (slice(None), slice(None), slice(8, 104), slice(8, 104))
    assert float((there - places)[inside].abs().max()) < 0.05
    assert float(moves[inside].abs().max()) > 2.0
    faces = make_faces(3)
    warped = sample_at(faces, moves)
    left = (sample_at(warped, back) - faces)[inside].square().mean() / (warped - faces)[inside].square().mean()
    assert float(left) < 0.2  # what interpolation lost stays lost


def test_a_warp_is_sampled_as_the_attack_samples_it() -> None:
    faces, field = make_faces(2), torch.rand(2, 2, 8, 8, generator=generator(5)) * 2 - 1
    attack = Warp()
    made = attack.render(faces, field, ThreatModel(eps=1.0))
    torch.testing.assert_close(sample_at(faces, attack.displacement(field, 112, 112)).clamp(0, 1), made)


def test_a_fine_sampling_softens_far_less_than_a_coarse_one() -> None:
    noise = torch.rand(2, 3, 112, 112, generator=generator(1))  # pictures, which vary more slowly, lose less
    half = torch.full((2, 2, 112, 112), 0.5)  # between two pixels a bilinear reading is softest
    still, soft = sample_finely(noise, 0 * half, times=3), sample_at(noise, half)
    fine = sample_finely(noise, half, times=3)
    lost, lost_finely = 1 - soft.std() / noise.std(), 1 - fine.std() / still.std()
    assert float(lost_finely) < 0.5 * float(lost)


def test_the_size_is_the_root_mean_square_over_the_face() -> None:
    moves = torch.zeros(2, 2, 112, 112)
    moves[0, 0], moves[0, 1] = 3.0, 4.0
    moves[1] = 7.0 * (1 - over_the_face())
    torch.testing.assert_close(size_of(moves), torch.tensor([5.0, 0.0]))
    grid = torch.full((1, 2, 14, 14), 1.0)
    torch.testing.assert_close(over_the_crop(grid, 224, 56)[0, :, 5, 5], torch.tensor([0.5, 2.0]))


def test_what_the_network_guesses_is_undone_where_the_gate_opens() -> None:
    grid = torch.zeros(2, 2, 14, 14)
    grid[1, 0, :, :] = 2.0  # the second face was moved by two pixels to the side
    faces = make_faces(2)
    warped = torch.stack(
        [faces[0], sample_at(faces[1:], torch.tensor([2.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 112, 112))[0]]
    )
    made = told(grid)(warped)
    assert torch.equal(made[0], warped[0])
    torch.testing.assert_close(made[1, :, :, 4:-4], faces[1, :, :, 4:-4], atol=2e-4, rtol=0)
    closed = told(grid, gate=1.0)(warped)
    assert torch.equal(closed, warped)
    assert closed.data_ptr() != warped.data_ptr()


def test_the_shipped_network_undoes_a_part_of_a_drawn_warp_of_faces_that_it_never_saw() -> None:
    faces = to_images(drawn_faces(people=6, each=1, seed=0).crops)
    moves = drawn_moves(6)
    guessed = over_the_crop(Unwarp().moves(sample_at(faces, moves)))
    left = (size_of(guessed - moves) / size_of(moves)).square()
    assert float(left.mean()) < 0.6


@pytest.mark.parametrize("size", [(112, 112), (90, 120)])
def test_gradients_pass_and_shapes_stay(size: tuple[int, int]) -> None:
    faces = torch.nn.functional.interpolate(make_faces(2), size=size, mode="bilinear").requires_grad_(True)
    purifier = Unwarp(gate=0.0)
    made = purifier(faces)
    assert made.shape == faces.shape
    made.square().sum().backward()
    assert faces.grad is not None
    assert float(faces.grad.abs().sum()) > 0
    made, each = purifier.purified_by_kind(torch.zeros(0, 3, *size))
    assert (made.shape, each.shape) == ((0, 3, *size), (0, 1))
    assert purifier.likelihood(torch.zeros(0, 3, *size)).shape == (0,)


def test_onnxruntime_computes_the_network_for_any_number_of_faces() -> None:
    pytest.importorskip("onnxruntime")
    faces, purifier = make_faces(3), Unwarp()
    with torch.no_grad():
        fast = [purifier.moves(faces[:count]) for count in (3, 1, 2)]
    assert purifier.engine == "onnxruntime"
    with in_torch(), torch.no_grad():
        plain = [purifier.moves(faces[:count]) for count in (3, 1, 2)]
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_a_detector_tells_warps_by_it() -> None:
    grid = torch.zeros(2, 2, 14, 14)
    grid[1] = 3.0
    detector = CloakDetector(told(grid))
    found = detector.suspicions(make_faces(2))
    assert detector.kinds == ("warp",)
    assert [one.kind_from(0.5) for one in found] == ["", "warp"]


def test_puface_gated_undoes_warps_after_puface_and_tells_them() -> None:
    faces = make_faces(3)
    restored = PuFace()(faces)
    made, each = PuFaceGated(warp_gate=0.0, kinds="warp").purified_by_kind(faces)
    torch.testing.assert_close(made, Unwarp(gate=0.0)(restored))
    torch.testing.assert_close(each[:, :3], PuFace().kind_likelihoods(faces, restored))
    torch.testing.assert_close(each[:, 3], Unwarp().likelihood(restored))
    assert PuFaceGated().kinds == ("noise", "smooth", "tint", "warp")
    torch.testing.assert_close(PuFaceGated().likelihood(faces), PuFaceGated().purified_by_kind(faces)[1].amax(dim=1))
    with pytest.raises(BadInputError, match="warp_gate is a likelihood"):
        PuFaceGated(warp_gate=1.5, kinds="tint")
    plain, warped = PuFaceGated(kinds="tint").card, PuFaceGated().card
    assert set(warped.sha256) - set(plain.sha256) == {"unwarp/weights.safetensors"}


def test_what_is_no_unwarp_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for gate in (-0.1, float("nan"), 2.0):
        with pytest.raises(BadInputError, match="gate is a likelihood"):
            Unwarp(gate=gate)
    bare = Card(name="unwarp", summary="without settings", role="purifier")
    save_artifact(tmp_path / "bare", DisplacementNet().state_dict(), card=bare, recipe={})
    with pytest.raises(BadInputError, match="not unwarp"):
        Unwarp(weights=tmp_path / "bare")
    settings = {"network": {"widths": [8, 8, 8, 8]}, "suspicion": {"weights": [1.0], "bias": 0.0}}
    other = Card(name="unwarp", summary="another", role="purifier", settings=settings)
    save_artifact(tmp_path / "other", DisplacementNet().state_dict(), card=other, recipe={})
    with pytest.raises(BadInputError, match="weights of another network"):
        Unwarp(weights=tmp_path / "other")
    monkeypatch.setattr(unwarp, "_SHIPPED", tmp_path / "none")
    with pytest.raises(MissingAssetError, match="unwarp_fit"):
        Unwarp()
    with pytest.raises(BadInputError, match="four widths"):
        DisplacementNet(widths=(8, 8))
