"""Cloaks with one mask for a person: the gallery of the split makes it, and probes are never seen by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cloaking_plans import Patches, settings
from facewarden.experiments.cloaking import measure as module
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.galleries import cell as cells
from facewarden.experiments.cloaking.galleries.cell import gallery_rows
from facewarden.experiments.cloaking.galleries.identification import Embedded
from facewarden.experiments.cloaking.measure import measure
from facewarden.experiments.cloaking.population import Population, crowd_of
from facewarden.experiments.cloaking.trackers import Gallery, UserOutcome
from facewarden.experiments.plans.cloaking import entry
from facewarden.photos.aligned import AlignedFaces

OPOM = CloakRecipe("opom", "8", ("one",), settings={"steps": 6})
FACECLOAK = CloakRecipe("facecloak", "8", ("one",), settings={"steps": 2, "variants": 2})
PEOPLE = 3


def population(other: int = 0) -> Population:
    """Three people of five photos; of the first one who cloaks the probe of the first split is another photo."""
    draw = np.random.default_rng(1)
    crops, names, keys = [], [], []
    for who in range(PEOPLE):
        patches = draw.uniform(-8, 8, (4, 4, 3))
        for photo in range(5):
            face = 127 + np.kron(patches + draw.uniform(-1, 1, patches.shape), np.ones((28, 28, 1)))
            crops.append(face.astype(np.uint8))
            names.append(f"p{who}")
            keys.append(f"p{who}-{photo}")
    found = crowd_of(AlignedFaces(np.stack(crops), tuple(names), tuple(keys), "patches", True, {}))
    if other:
        (row,) = found.split(0).probes[found.attackers(1)[0]]
        crops[row] = np.random.default_rng(other).integers(60, 190, crops[row].shape).astype(np.uint8)
    return crowd_of(AlignedFaces(np.stack(crops), tuple(names), tuple(keys), "patches", True, {}))


def lab(folder: Path, other: int = 0) -> ExperimentCache:
    return ExperimentCache(population(other), folder, recognizer=Patches)


def of_gallery(found: NDArray[Any], crowd: Population) -> NDArray[Any]:
    return found[list(crowd.split(0).gallery[crowd.attackers(1)[0]])]


@pytest.mark.parametrize("recipe", [OPOM, FACECLOAK])
def test_a_probe_does_not_change_the_mask_that_it_is_searched_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: CloakRecipe
) -> None:
    def seen(other: int) -> list[NDArray[Any]]:
        given: list[NDArray[Any]] = []

        def tracker(gallery: Gallery, people: Sequence[str]) -> dict[str, UserOutcome]:
            given.append(of_gallery(gallery.cloaked, where.crowd))
            return {who: UserOutcome(*(np.array([True]),) * 3, ("p0",)) for who in people}

        def scene(embedded: Embedded, people: Sequence[str], wanted: Any, seed: int) -> list[Any]:
            given.append(of_gallery(embedded.cloaked, where.crowd))
            return []

        where = lab(tmp_path / str(other), other)
        monkeypatch.setattr(module, "TRACKERS", {"nearest": tracker})
        monkeypatch.setattr(cells, "_cases", scene)
        shown: dict[str, Any] = {"purifier": "identity", "recognizers": ["three"], "seeds": [0]}
        measure(where, recipe, tracker="nearest", attackers=1, **shown)
        gallery_rows(where, recipe, scene={"fpir": 0.1}, users=1, skip_people=0, **shown)
        return given

    for one, two in zip(seen(5), seen(6), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_cloaked_probe_has_the_mask_of_the_gallery(tmp_path: Path) -> None:
    where = lab(tmp_path)
    crowd = where.crowd
    who = crowd.attackers(1)[0]
    split = crowd.split(0)
    rows = crowd.people[who]
    crops = where.cloaked(OPOM, who, made_of=split.gallery[who])
    change = crops.astype(int) - crowd.faces.crops[rows]
    assert 0 < np.abs(change).max() <= 8
    assert np.abs(change - change[:1]).max() <= 1  # pixels are rounded
    assert np.array_equal(where.cloaked(OPOM, who, rows=rows[1:], made_of=split.gallery[who]), crops[1:])
    assert np.array_equal(where.treated(cloak=OPOM, people=[who], made_of=split.gallery)[rows], crops)
    assert not np.array_equal(where.cloaked(OPOM, who), crops)  # by default all photos make it
    pixelwise = CloakRecipe("pgd", "8", ("one",), settings={"steps": 2})
    assert np.array_equal(where.cloaked(pixelwise, who, made_of=split.gallery[who]), where.cloaked(pixelwise, who))


def test_what_a_share_of_people_cloaks_ahead_is_what_is_measured(tmp_path: Path) -> None:
    where = lab(tmp_path)
    people, splits = where.crowd.attackers(1), [where.crowd.split(seed) for seed in (0, 1)]
    where.cloak_ahead(OPOM, people, purifiers=["identity"], recognizers=["three"], splits=splits)
    ahead = sorted((tmp_path / "cloaks").iterdir())
    measure(where, OPOM, purifier="identity", recognizers=["three"], tracker="nearest", attackers=1, seeds=[0, 1])
    assert sorted((tmp_path / "cloaks").iterdir()) == ahead


def test_only_cells_of_one_mask_have_other_ids_than_before(photos: Path, tmp_path: Path) -> None:
    plan = settings(photos)
    plan["cloaks"]["strong"] = {"attack": "opom", "level": 8, "surrogates": ["one"]}
    plan |= {"goals": [], "headline": [], "cost": []}
    plan["galleries"] = [{"title": "t", "scene": "four_cells", "cloaks": ["strong", "weak"], "purifiers": ["none"]}]
    for one in entry().cells(plan, root=tmp_path):
        assert ("mask_of" in one.settings) == ("strong" in one.name)
