"""The cloaking experiment with recognizers whose embeddings can be worked by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facewarden.attacks.pgd import entry as PGD
from facewarden.bench.faces import AlignedFaces
from facewarden.bench.poisoning import Cloaking, measure_user, run_cloaking, verification_pairs
from facewarden.bench.poisoning_report import poisoning_section
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier, Recognizer
from facewarden.core.run import RunFolder
from facewarden.core.threat import ThreatModel


class Color(Recognizer):
    """Embeds a face by its mean color around mid gray: three numbers anyone can follow."""

    card = Card("color", "mean color", "recognizer")
    dim = 3

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3)) - 0.5 + 1e-4


class Same(Purifier):
    card = Card("same", "nothing", "purifier")

    def purify(self, images: torch.Tensor) -> torch.Tensor:
        return images


class Snap(Purifier):
    """Snaps every channel's mean back to the nearest of two levels: removes any small cloak."""

    card = Card("snap", "snap", "purifier")

    def purify(self, images: torch.Tensor) -> torch.Tensor:
        level = (images.mean(dim=(2, 3), keepdim=True) > 0.5).float() * 0.02 + 0.49
        return level.expand_as(images)


def colored(people: int = 4, photos: int = 5) -> AlignedFaces:
    colors = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1), (1, -1, -1), (-1, 1, -1)][:people]
    draw = np.random.default_rng(0)
    crops, person, key = [], [], []
    for who, signs in enumerate(colors):
        for photo in range(photos):
            crops.append(np.full((112, 112, 3), 127.5) + 3 * np.array(signs) + draw.uniform(-0.4, 0.4, 3))
            person.append(f"p{who}")
            key.append(f"p{who}-{photo}")
    return AlignedFaces(np.stack(crops).round().astype(np.uint8), tuple(person), tuple(key), "colors", True, {})


def setting(eps: float) -> Cloaking:
    return Cloaking(
        faces=colored(),
        judge=Color(),
        surrogates=(Color(),),
        attack=PGD(steps=8),
        threat=ThreatModel(eps=eps),
        purifiers={"identity": Same(), "snap": Snap()},
        users=3,
        seed=0,
    )


def test_gallery_and_probes_share_nothing_and_split_70_30() -> None:
    split = setting(8 / 255).split
    for gallery, probes in split.values():
        assert len(gallery) == 4
        assert len(probes) == 1
        assert not set(gallery) & set(probes)


def test_a_strong_cloak_hides_and_the_right_purifier_finds() -> None:
    found = measure_user(setting(10 / 255), "p0")
    assert sum(found["purifiers"]["identity"]["natural"]) == 1
    assert sum(found["purifiers"]["identity"]["cloaked"]) == 0
    assert found["purifiers"]["identity"]["others"] == 1.0
    assert all(psnr > 28 for psnr in found["psnr"])


def test_no_budget_no_protection() -> None:
    found = measure_user(setting(0.0), "p1")
    assert found["purifiers"]["identity"]["cloaked"] == found["purifiers"]["identity"]["natural"]


def test_pairs_count_every_probe_against_every_gallery_photo() -> None:
    pairs = verification_pairs(setting(0.0), "identity")
    assert len(pairs.genuine) == 4 * 4
    assert len(pairs.impostor) == 4 * 12
    assert pairs.genuine.min() > pairs.impostor.max()


def test_the_section_adds_up_and_resumes(tmp_path: Path) -> None:
    experiment = setting(10 / 255)
    found = run_cloaking(experiment, RunFolder(tmp_path / "run", recipe={}))
    again = run_cloaking(setting(10 / 255), RunFolder(tmp_path / "run", recipe={}, resume=True))
    assert found == again
    section = poisoning_section(experiment, found)
    rates = {(m.group["purifier"], m.group["cloak"]): m for m in section.metrics if m.name == "protection_rate"}
    hidden = rates["identity", "pgd_10"]
    by_hand = np.mean([1 - np.mean(person["purifiers"]["identity"]["cloaked"]) for person in found.values()])
    assert hidden.value == pytest.approx(by_hand)
    assert rates["identity", "none"].value == 0.0
    assert section.simulated


def test_a_person_with_one_usable_photo_takes_no_part(tmp_path: Path) -> None:
    whole = colored()
    rows = [row for row, who in enumerate(whole.person) if who != "p3"] + [len(whole) - 1]
    faces = AlignedFaces(
        whole.crops[rows],
        tuple(whole.person[r] for r in rows),
        tuple(whole.key[r] for r in rows),
        "colors",
        True,
        {"no face found": 4},
    )
    experiment = replace(setting(8 / 255), faces=faces, users=4)
    assert set(experiment.split) == set(experiment.cloakers) == {"p0", "p1", "p2"}
    assert set(run_cloaking(experiment, RunFolder(tmp_path, recipe={}))) == {"p0", "p1", "p2"}
    with pytest.raises(BadInputError, match="1 people"):
        _ = replace(experiment, faces=colored(people=1)).split
