"""The audit's poisoning section, with a recognizer whose embeddings can be worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from facewarden.auditing.poisoning import Poisoning, cloak_psnr, run_poisoning, verification_pairs
from facewarden.auditing.poisoning_section import poisoning_section
from facewarden.core.card import Card
from facewarden.core.roles import Purifier, Recognizer
from facewarden.core.run import RunFolder
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.population import Population, crowd_of
from facewarden.photos.aligned import AlignedFaces


class Color(Recognizer):
    """Embeds a face by its mean color around mid gray: three numbers anyone can follow."""

    dim = 3

    def __init__(self, name: str) -> None:
        super().__init__()
        self.card = Card(name, "mean color", "recognizer", match_threshold=0.25)

    def features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) - 0.5 + 1e-4


class Same(Purifier):
    card = Card("same", "nothing", "purifier")

    def purify(self, images: Tensor) -> Tensor:
        return images


class Paint(Purifier):
    """Knows the person's color from a strongly colored corner and paints the whole face with it."""

    card = Card("paint", "paint", "purifier")

    def purify(self, images: Tensor) -> Tensor:
        sign = (images[..., :8, :8].mean(dim=(2, 3), keepdim=True) - 0.5).sign()
        return (0.5 + 0.012 * sign).expand_as(images)


def colored(people: int = 4, photos: int = 5) -> Population:
    colors = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1), (1, -1, -1), (-1, 1, -1)][:people]
    draw = np.random.default_rng(0)
    crops, person, key = [], [], []
    for who, signs in enumerate(colors):
        for photo in range(photos):
            face = np.full((112, 112, 3), 127.5) + 3 * np.array(signs) + draw.uniform(-0.4, 0.4, 3)
            face[:8, :8] += 40 * np.array(signs)
            crops.append(face)
            person.append(f"p{who}")
            key.append(f"p{who}-{photo}")
    pixels = np.stack(crops).round().astype(np.uint8)
    return crowd_of(AlignedFaces(pixels, tuple(person), tuple(key), "colors", True, {"no face found": 2}))


def setting(folder: Path, level: str = "10") -> Poisoning:
    models: dict[str, Any] = {
        "recognizer": Color("judged"),
        "color": Color("color"),
        "identity": Same(),
        "paint": Paint(),
    }
    lab = ExperimentCache(colored(), folder, recognizer=models.__getitem__, purifier=models.__getitem__)
    return Poisoning(lab, "recognizer", CloakRecipe("pgd", level, ("color",)), ("identity", "paint"), users=3, seed=0)


def test_the_section_adds_up_and_resumes(tmp_path: Path) -> None:
    experiment = setting(tmp_path / "lab")
    found = run_poisoning(experiment, RunFolder(tmp_path / "run", recipe={}))
    again = run_poisoning(setting(tmp_path / "other"), RunFolder(tmp_path / "run", recipe={}, resume=True))
    assert found == again
    section = poisoning_section(experiment, found)
    rates = {(m.group["purifier"], m.group["tracker"]): m for m in section.metrics if m.name == "protection_rate"}
    assert set(rates) == {(p, t) for p in ("identity", "paint") for t in ("nearest", "linear")}
    hidden = rates["identity", "nearest"]
    assert hidden.value == pytest.approx(np.mean(found["identity"][0].hidden))
    assert hidden.value > 0.6
    assert rates["paint", "nearest"].value == 0.0
    assert {m.group["recognizer"] for m in section.metrics if m.name == "protection_rate"} == {"judged"}
    assert "recognizer is unseen family" in hidden.note
    assert "cloak on color" in hidden.note
    missed = [m.value for m in section.metrics if m.name == "natural_error"]
    assert missed == [0.0] * 4
    beyond = [m for m in section.metrics if m.name == "excess_protection_rate"]
    assert [m.value for m in beyond] == [m.value for m in section.metrics if m.name == "protection_rate"]
    assert "0.0\u00a0%" in section.finding
    assert "are missed without a cloak" in section.finding
    psnr = {m.name: m.value for m in section.metrics if m.unit == "dB"}
    assert psnr["cloak_psnr_worst"] <= psnr["cloak_psnr"] <= max(cloak_psnr(experiment)[0])
    assert psnr["cloak_psnr_median"] in cloak_psnr(experiment)[0]
    assert section.simulated
    assert section.skipped == {"no face found": 2}
    assert len(section.figures[0].data["rows"]) == 4


def test_no_budget_no_protection(tmp_path: Path) -> None:
    found = run_poisoning(setting(tmp_path / "lab", "0.01"), RunFolder(tmp_path / "run", recipe={}))
    assert [cell.protection.value for cell in found["identity"]] == [0.0, 0.0]


def test_only_gallery_photos_are_cloaked(tmp_path: Path) -> None:
    experiment = setting(tmp_path / "lab")
    run_poisoning(experiment, RunFolder(tmp_path / "run", recipe={}))
    kept = [np.load(path)["crops"] for path in (tmp_path / "lab" / "cloaks").glob("*.npz")]
    assert [len(crops) for crops in kept] == [4, 4, 4]
    psnr, owner = cloak_psnr(experiment)
    assert len(psnr) == len(owner) == 12
    assert 28 < psnr.min() < psnr.max() < 40


def test_pairs_count_every_probe_against_every_gallery_photo(tmp_path: Path) -> None:
    with torch.no_grad():
        pairs = verification_pairs(setting(tmp_path), "identity")
    assert len(pairs.genuine) == 4 * 4
    assert len(pairs.impostor) == 4 * 12
    assert pairs.genuine.min() > pairs.impostor.max()
