"""The test of the yardstick: nobody is fitted and tested, rules can fail, and the plan resumes to the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facewarden.core.labels import SPECIES_BY_VERSION
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.parts.halves import halves
from facewarden.experiments.domain_generalization.yardstick import inside
from facewarden.experiments.domain_generalization.yardstick.figures import MAIN, ScoredRows, group_areas
from facewarden.experiments.domain_generalization.yardstick.fits import ALL, Captured, captured, cross_domain
from facewarden.experiments.domain_generalization.yardstick.inside import in_domain
from facewarden.experiments.domain_generalization.yardstick.rules import APART, FLOORS, STRENGTHS, WEIGHTS, group_of
from facewarden.experiments.domain_generalization.yardstick.verdict import gaps, verdicts
from facewarden.experiments.plans import yardstick as module
from facewarden.metrics.pad import auc
from facewarden.metrics.transfer import Replicated
from facewarden.nn.closed_form import DescribedRows
from facewarden.nn.floors.ridge import ridge_path
from facewarden.verbs.bench import bench
from four_domains import write_domains

SPECIES = ("print_flat", "replay_phone", "mask_rigid", "partial_glasses")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Four domains with 24 bona fide captures and 6 attacks of each group, and exact maps that tell the classes."""
    import cv2

    found = Manifest.read(write_domains(tmp_path_factory.mktemp("data"), subjects=2, each=8).parent)
    rows = []
    for sample in found:
        near = 7000 + (1500 if sample.label else 0)
        depth = np.full((24, 24), 9000, np.uint16)
        depth[8:16, 8:16] = near
        cv2.imwrite(str(found.root / f"{sample.key}-true.png"), depth)
        cv2.imwrite(str(found.root / f"{sample.key}-back.png"), np.full((24, 24), 90 + 60 * sample.label, np.uint8))
        extra = {**sample.extra, "truedepth": f"{sample.key}-true.png", "reflection": f"{sample.key}-back.png"}
        species = sample.species
        if not sample.label:
            species = SPECIES[int(sample.key.rpartition("-")[2]) // 2]  # every person shows all four
        rows.append(replace(sample, species=species, extra=extra))
    Manifest(tuple(rows), root=found.root, name="groups").write(found.root / "manifest.csv")
    return Manifest.read(found.root)


def test_every_species_of_the_simulator_has_a_group_or_is_named_as_apart() -> None:
    for species in SPECIES_BY_VERSION[2]:
        assert species == "bona_fide" or (group_of(species) in WEIGHTS) != (species in APART), species
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def recorded(seen: list[tuple[set[int], set[int], set[int]]]) -> Any:
    """A fit that notes which rows, whose only number is their place, were used for what."""

    def fit(train: DescribedRows, dev: DescribedRows) -> Any:
        def score(rows: Any) -> Any:
            used = (train.description, dev.description, rows)
            seen.append(tuple(set(np.rint(one[:, 0]).astype(int).tolist()) for one in used))  # type: ignore[arg-type]
            return np.zeros(len(rows))

        return score

    return fit


def test_no_person_and_no_domain_is_fitted_and_tested(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = list(manifest)
    about = captured(samples)
    places = np.arange(len(samples), dtype=np.float32)[:, None]
    seen: list[tuple[set[int], set[int], set[int]]] = []
    first, second = halves(about.domain.tolist())
    assert (first, second) == (("alder", "cedar"), ("birch", "dogwood"))
    found = cross_domain(places, about, targets=first, fit=recorded(seen))
    assert set(found) == {ALL, *WEIGHTS}
    for train, dev, rows in seen:
        assert {about.domain[row] for row in train | dev} == set(second)
        assert {about.domain[row] for row in rows} == set(first)
        assert {about.split[row] for row in train} == {"train"}
        assert {about.split[row] for row in dev} == {"dev"}
    tested = np.flatnonzero(np.isin(about.domain, first))
    seen.clear()

    def fitted(alike: Any, same: Any, label: Any, *, train: Any, dev: Any, scored: Any, common: Any) -> Any:
        seen.append(tuple(set(tested[one].tolist()) for one in (train, dev, scored)))  # type: ignore[arg-type]
        assert (same == (about.domain[tested][:, None] == about.domain[tested])).all()
        return np.zeros(int(scored.sum()))

    monkeypatch.setattr(inside, "_fitted", fitted)
    allowed = int(((about.split == "train") & np.isin(about.domain, second)).sum())
    in_domain(places, about, targets=first, groups=(ALL, "masks"))
    assert len(seen) == 2 * 5
    for train, dev, rows in seen:
        people = [{about.subject[row] for row in rows_} for rows_ in (train, dev, rows)]
        assert len(set.union(*people)) == sum(map(len, people))
        assert {about.domain[row] for row in train | dev | rows} == set(first)
        assert 0 < len(train) <= allowed
    held = [rows for _, _, rows in seen[:5]]
    assert sum(map(len, held)) == len(set().union(*held)) == tested.size
    for train, _, _ in seen[5:]:
        assert {about.group[row] for row in train} <= {"", "masks"}


def test_the_ceiling_knows_a_cue_that_has_another_side_at_every_domain() -> None:
    rng = np.random.default_rng(3)
    people, each = 40, 4
    domain = np.repeat(np.array(["a", "b", "c", "d"]), people * each)
    subject = np.array([f"{name}/{row // each}" for row, name in enumerate(domain.tolist())])
    label = rng.integers(0, 2, domain.size)
    side = np.select([domain == name for name in "abcd"], [1.0, 1.0, -1.0, -1.0])
    rows = rng.standard_normal((domain.size, 6)).astype(np.float32)
    rows[:, 0] += 3 * side * (2 * label - 1)
    about = Captured(label, domain, subject, np.repeat("train", domain.size), np.where(label == 1, "", "prints"))
    tested = np.isin(domain, ["a", "c"])

    def area_of(**given: Any) -> float:
        return auc(in_domain(rows, about, targets=("a", "c"), groups=(ALL,), **given)[ALL], label[tested])

    assert area_of() > 0.99
    assert area_of(common=(1.0,)) < 0.75, "one line for both sides"


def test_one_line_for_all_domains_is_the_ridge_of_the_floors() -> None:
    rng = np.random.default_rng(5)
    domain, label = np.repeat(np.array(["a", "b"]), 60), rng.integers(0, 2, 120)
    rows = (rng.standard_normal((120, 4)) + label[:, None]).astype(np.float32)
    train, dev, scored = (np.arange(120) % 3 == part for part in range(3))
    centered = rows - rows[train].mean(axis=0)
    found = inside._fitted(
        (centered @ centered.T).astype(np.float64), domain[:, None] == domain, label, train=train, dev=dev,
        scored=scored, common=(1.0,),
    )  # fmt: skip
    path = ridge_path(rows[train], label[train], strengths=STRENGTHS)
    areas = [auc(scores, label[dev]) for scores in path.scores(rows[dev])]
    kept = max(range(len(areas)), key=lambda place: (areas[place], STRENGTHS[place]))
    other = path.scores(rows[scored])[kept]
    assert np.corrcoef(found, other)[0, 1] == pytest.approx(1, abs=1e-6)
    assert found.std() == pytest.approx(other.std(), rel=1e-4)


def area(value: float, half: float = 0.01) -> Replicated:
    return Replicated(value, np.linspace(value - half, value + half, 400), 2000, 500)


def judged(**changes: float) -> list[bool | None]:
    floor, top = {**dict.fromkeys(WEIGHTS, 0.8)}, {**dict.fromkeys(WEIGHTS, 0.98)}
    floor |= {key.removeprefix("floor_"): value for key, value in changes.items() if key.startswith("floor_")}
    top |= {key.removeprefix("top_"): value for key, value in changes.items() if key.startswith("top_")}
    floors = {FLOORS[1]: {group: area(value) for group, value in floor.items()},
              FLOORS[0]: {group: area(0.5) for group in WEIGHTS}}  # fmt: skip
    by_group = gaps(floors, {group: area(value) for group, value in top.items()})
    crossed, inside = {MAIN: area(changes.get("far", 0.9))}, {MAIN: area(changes.get("near", 0.98))}
    found = verdicts(by_group, crossed=crossed, inside=inside, floors=int(changes.get("floors", len(FLOORS))))
    return [one.passed for one in found]


def test_each_rule_fails_by_itself() -> None:
    assert judged() == [True, True, True]
    assert judged(floor_masks=0.88) == [False, True, True], "the upper end is too near, though the value is not"
    assert judged(floor_masks=0.865) == [True, True, True]
    assert judged(top_partial=0.965) == [True, False, True], "the upper end reaches it, the value does not"
    assert judged(far=0.925) == [True, True, False]
    assert judged(near=0.96) == [True, True, False]
    assert judged(floors=7) == [None, True, True], "a floor was left out"
    assert judged(floor_prints=0.99)[0] is False


def test_a_group_with_too_few_attacks_has_no_area_and_there_is_no_main_mean(manifest: Manifest) -> None:
    samples = list(manifest)
    species = np.array([sample.species for sample in samples])
    label = np.array([sample.label for sample in samples])
    about = captured(samples)
    tested = ScoredRows(label, about.domain, about.subject, species)
    found = group_areas(tested, label.astype(float))
    assert set(found) == {*WEIGHTS, MAIN}
    assert all(one.value == 1.0 for one in found.values())
    few = species.copy()
    few[np.flatnonzero(species == "mask_rigid")[4:]] = "print_flat"
    assert set(group_areas(replace(tested, species=few), label.astype(float))) == set(WEIGHTS) - {"masks"}


def test_the_plan_measures_every_floor_and_resumes_to_the_same_bytes(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PARTS", 2)
    plan = {"kind": "yardstick", "data": {"captures": [str(manifest.root / "manifest.csv")]}, "size": 16,
            "trunk": "vit_tiny_patch16_224:fresh", "depth": 1,
            "floors": ["chance", "thumbnail_8", "thumbnail_neighbors", "trunk_canonical"]}  # fmt: skip
    (tmp_path / "plan.yaml").write_text(json.dumps(plan))
    found = bench(tmp_path / "plan.yaml", out=tmp_path / "out")
    assert not found.failed, found.failed
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    data = summary["data"]
    assert set(data["floors"]) == {"chance", "thumbnail_8", "thumbnail_neighbors", "trunk_canonical", "trunk_both"}
    assert data["floors"]["thumbnail_8"]["masks"]["value"] > 0.9
    low, high = (data["floors_all_species"]["chance"][MAIN][end] for end in ("low", "high"))
    assert low <= 0.5 <= high, "chance is chance"
    assert data["ceilings"]["true_maps"][MAIN]["value"] == 1.0
    assert data["verdicts"][0]["passed"] is None, "not all floors were fitted"
    page = (tmp_path / "out" / "summary.md").read_text()
    assert "simulated" in page
    assert "Floor to ceiling" in page
    before = (tmp_path / "out" / "summary.json").read_bytes()
    for path in (tmp_path / "out").glob("cells/*/done.json"):
        if json.loads(path.read_text())["name"].startswith(("fit thumb", "tokens, part 2", "ceiling")):
            path.unlink()
    bench(tmp_path / "plan.yaml", out=tmp_path / "out", resume=True)
    assert (tmp_path / "out" / "summary.json").read_bytes() == before
