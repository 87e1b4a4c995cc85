"""Learned purifiers: any size, any body, half precision, folders that are not theirs; and what the shipped one does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facewarden.core.artifact import save_artifact
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.nn.residue import octaves, residue_description, residue_statistics
from facewarden.nn.restorer import build_restorer
from facewarden.photos.cloak_detector import CloakDetector
from facewarden.purifiers.denoise_rednet import DenoiseREDNet
from facewarden.purifiers.parts import learned
from facewarden.purifiers.puface import PuFace
from stand_ins import generator, make_faces

UNET = {"body": "unet", "widths": [8, 8], "contrast": 12, "gain": 0.1}
REDNET = {"body": "rednet", "layers": 10, "width": 8}
SHIPPED = Path(learned.__file__).parent.parent.parent / "weights"


def artifact(folder: Path, network: dict[str, Any], *, name: str = "puface", seed: int | None = 0, **more: Any) -> Path:
    """Write a purifier whose last layer is random, or zero without a seed."""
    net = build_restorer(network)
    if seed is not None:
        for number, parameter in enumerate(net.parameters()):
            parameter.data = 0.05 * torch.randn(parameter.shape, generator=generator(seed + number))
    card = Card(name, "a tiny one", "purifier", settings={"network": network, **more})
    save_artifact(folder, net.state_dict(), card=card, recipe={"entry": name})
    return folder


@pytest.mark.parametrize("network", [UNET, REDNET], ids=["unet", "rednet"])
def test_any_size_is_kept_and_something_is_changed(network: dict[str, Any], tmp_path: Path) -> None:
    purifier = PuFace(artifact(tmp_path, network))
    for size in ((112, 112), (37, 50), (1, 1), (5, 2)):
        images = torch.rand(2, 3, *size, generator=generator(1))
        purified = purifier(images)
        assert purified.shape == images.shape
        assert not torch.equal(purified, images)


@pytest.mark.parametrize("network", [UNET, REDNET], ids=["unet", "rednet"])
def test_untrained_it_is_the_identity(network: dict[str, Any], tmp_path: Path) -> None:
    purifier = PuFace(artifact(tmp_path, network, seed=None))
    images = torch.rand(2, 3, 37, 50, generator=generator(1))
    assert torch.equal(purifier(images), images)


@pytest.mark.usefixtures("bfloat16_everywhere")
def test_half_precision_is_near_and_an_attacker_gets_gradients(tmp_path: Path) -> None:
    folder = artifact(tmp_path, UNET)
    images = make_faces(2)
    full, half = PuFace(folder)(images), PuFace(folder, precision="bfloat16")(images)
    assert half.dtype == torch.float32
    assert 0 < float((full - half).abs().max()) < 0.02
    moving = images.clone().requires_grad_(True)
    PuFace(folder)(moving).square().sum().backward()
    assert moving.grad is not None
    assert all(parameter.grad is None for parameter in PuFace(folder).network.parameters())
    with pytest.raises(BadInputError, match="unknown precision"):
        PuFace(folder, precision="half")


def test_folders_that_hold_something_else_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInputError, match="holds denoise_rednet, not puface"):
        PuFace(artifact(tmp_path / "other", UNET, name="denoise_rednet"))
    folder = artifact(tmp_path / "torn", UNET)
    (folder / "card.json").write_text((folder / "card.json").read_text().replace("8,\n", "16,\n", 1))
    with pytest.raises(BadInputError, match="another network"):
        PuFace(folder)
    with pytest.raises(BadInputError, match="tell no cloaks"):
        PuFace(artifact(tmp_path / "plain", UNET)).likelihood(make_faces(1))
    monkeypatch.setattr(learned, "_SHIPPED", tmp_path)
    with pytest.raises(MissingAssetError, match="without its weights"):
        DenoiseREDNet()


def test_the_likelihood_is_the_fitted_function_of_what_is_taken_out(tmp_path: Path) -> None:
    weights = [0.0] * 8
    always = PuFace(artifact(tmp_path / "a", UNET, suspicion={"weights": weights, "bias": 2.0}))
    torch.testing.assert_close(always.likelihood(make_faces(3)), torch.full((3,), 2.0).sigmoid())
    weights[0] = 1.0
    by_energy = PuFace(artifact(tmp_path / "b", UNET, suspicion={"weights": weights, "bias": 0.0}))
    faces = make_faces(3)
    energy = residue_statistics(faces, by_energy(faces))[:, 0]
    torch.testing.assert_close(by_energy.likelihood(faces), energy.sigmoid())
    whole = [0.0] * 34 + [0.5]  # the pattern too, as it is fitted now
    by_grain = PuFace(artifact(tmp_path / "c", UNET, suspicion={"weights": whole, "bias": 0.1}))
    grain = residue_description(faces, by_grain(faces))[:, 34]
    torch.testing.assert_close(by_grain.likelihood(faces), (0.5 * grain + 0.1).sigmoid())


def test_with_lines_of_kinds_the_likelihood_is_the_largest(tmp_path: Path) -> None:
    faces = make_faces(2)
    plain = PuFace(artifact(tmp_path / "plain", UNET, suspicion={"weights": [0.0] * 8, "bias": 2.0}))
    assert plain.kinds == ()
    with pytest.raises(BadInputError, match="tell no kinds"):
        plain.kind_likelihoods(faces, faces)
    count = plain.statistics(faces, plain(faces)).shape[1]
    lines = {"names": ["noise", "tint"], "weights": [[0.0] * count] * 2, "bias": [0.0, 1.0]}
    told = PuFace(artifact(tmp_path / "told", UNET, kinds=lines))
    assert told.kinds == ("noise", "tint")
    each = told.kind_likelihoods(faces, told(faces))
    odds = torch.tensor([1.0, torch.e])
    torch.testing.assert_close(each, (odds / (1 + odds.sum())).expand(2, 2))
    torch.testing.assert_close(told.likelihood(faces), each.amax(dim=1))
    detector = CloakDetector(told)
    assert [one.kind for one in detector.suspicions(faces)] == ["tint", "tint"]
    np.testing.assert_allclose(detector(faces), told.likelihood(faces).numpy())
    noisy = PuFace(artifact(tmp_path / "noisy", UNET, kinds=lines, suspicion={"weights": [0.0] * 8, "bias": 3.0}))
    torch.testing.assert_close(noisy.likelihood(faces), torch.full((2,), 3.0).sigmoid())
    assert [one.kind for one in CloakDetector(noisy).suspicions(faces)] == ["noise", "noise"]
    small = torch.rand(1, 3, 64, 64, generator=generator(4))
    assert told.statistics(small, small).shape == (1, count)
    with pytest.raises(BadInputError, match="encoder of a U-Net"):
        PuFace(artifact(tmp_path / "rednet", REDNET)).statistics(faces, faces)


@pytest.mark.parametrize("size", [(112, 112), (37, 50), (1, 1)])
def test_octaves_add_up_to_the_image(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size, generator=generator(1))
    total = octaves(image)[-1]
    for part in reversed(octaves(image)[:-1]):
        total = torch.nn.functional.interpolate(total, scale_factor=2)[..., : part.shape[-2], : part.shape[-1]] + part
    torch.testing.assert_close(total, image)


@pytest.mark.parametrize("name", ["puface", "denoise_rednet"])
def test_shipped_weights_are_small_and_say_what_they_learned_from(name: str) -> None:
    files = list((SHIPPED / name).glob("*"))
    assert sum(path.stat().st_size for path in files) < 5_000_000
    card = (PuFace if name == "puface" else DenoiseREDNet)().card
    assert "Labeled Faces in the Wild" in card.training_data
    assert card.limits


@pytest.mark.slow
def test_the_shipped_one_brings_cloaked_faces_back_and_leaves_natural_ones_alone(
    shared_data: Path, need_asset: Callable[[str], Path]
) -> None:
    from facewarden.core.registry import load
    from facewarden.data.datasets import open_dataset
    from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
    from facewarden.photos.align_photos import align_photos
    from facewarden.photos.aligned import embed_all

    for asset in ("yunet", "faceplugin_recognizer", "facesdk_mobilefacenet"):
        need_asset(asset)
    dataset = open_dataset(f"london:{shared_data / 'london'}")  # nobody of the training set
    faces = align_photos(dataset, dataset.photos()[:3], aligner=load("align", "yunet")())
    natural, purifier = faces.images(range(3)), PuFace()
    judge = load("recognizers", "mobilefacenet_512")()
    recipe = CloakRecipe("lowkey", "8", ("mobilefacenet_512",), settings={"pace": "swift", "steps": 8})
    crops = recipe.cloak(
        faces.crops, list(faces.key), recognizer=lambda name: load("recognizers", name)(), purifier=lambda name: None
    )
    cloaked = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255

    def alike(images: torch.Tensor) -> float:
        return float(np.mean((embed_all(judge, images) * embed_all(judge, natural)).sum(axis=1)))

    assert alike(cloaked) < 0.2
    assert alike(purifier(cloaked)) > 0.45
    assert alike(purifier(natural)) > 0.95
    assert bool((purifier.likelihood(cloaked) > purifier.likelihood(natural)).all())


def test_the_card_has_the_protection_that_its_page_measured() -> None:
    page = Path(__file__).parents[3] / "docs/results/cloaking/summary.json"
    cells = json.loads(page.read_text(encoding="utf-8"))["data"]["cells"]
    limits = PuFace().card.limits
    for recognizer in ("mobilefacenet_512", "dlib_resnet34", "mobilefacenet_128"):
        rates = {}
        for cell in cells:
            where = (cell["cloak"], cell["tracker"], cell["recognizer"], cell["probes"], cell["attackers"])
            if where == ("LowKey 8 on F+D", "nearest", recognizer, "raw", 40):
                rate = cell["protection"]
                rates[cell["purifier"]] = f"{rate['value']:.1%} ({rate['low']:.1%}–{rate['high']:.1%})".replace("%", "")
        assert f"{recognizer} {rates['none']} and {rates['puface']} %" in limits


def test_weights_may_be_named_by_text_as_settings_are(tmp_path: Path) -> None:
    folder = artifact(tmp_path / "a", UNET)
    images = make_faces(1)
    torch.testing.assert_close(PuFace(str(folder))(images), PuFace(folder)(images))
    with pytest.raises(BadInputError):
        PuFace(str(tmp_path / "nowhere"))
