"""Whole sets: plans, files, resumption, and the same bits for any number of processes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.manifest import Manifest
from facewarden.data.simulate import Simulation, iter_captures, simulate
from facewarden.data.simulate.person.people import PhotoPeople, Portrait, ProceduralPeople, attacker_of
from facewarden.data.simulate.plan import make_plan
from facewarden.data.simulate.planned import planned_samples
from facewarden.data.simulate.sensor.domains import DOMAINS

SMALL = Simulation(subjects=2, captures_per_subject=2, size=64, seed=4)
ONE = Simulation(subjects=1, captures_per_subject=1, size=64)
PEOPLE = ProceduralPeople(0, 64, 3.0)


def plan(subjects: int = 40, captures: int = 8, **changes):  # type: ignore[no-untyped-def]
    given = {"subjects": subjects, "captures_per_subject": captures, "size": 64, **changes}
    return make_plan(PEOPLE, Simulation(**given))


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_processes_do_not_change_a_bit(tmp_path: Path) -> None:
    one = simulate(tmp_path / "one", SMALL)
    two = simulate(tmp_path / "two", SMALL, workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert one.manifest.rows == two.manifest.rows == Manifest.read(one.path).rows
    assert one.manifest.simulated


def test_a_killed_run_goes_on_to_the_same_files(tmp_path: Path) -> None:
    simulate(tmp_path / "set", replace(SMALL, maps=True))
    whole = files(tmp_path / "set")
    rows = sorted((tmp_path / "set" / "rows").iterdir())
    rows[1].unlink()
    next((tmp_path / "set" / "captures").rglob("*_rgb.png")).unlink()
    (tmp_path / "set" / "manifest.csv").unlink()
    simulate(tmp_path / "set", replace(SMALL, maps=True))
    assert files(tmp_path / "set") == whole


def test_another_recipe_does_not_overwrite_a_set(tmp_path: Path) -> None:
    simulate(tmp_path, SMALL)
    with pytest.raises(BadInputError, match="seed"):
        simulate(tmp_path, replace(SMALL, seed=5))


def test_the_set_says_that_it_is_simulated(tmp_path: Path) -> None:
    simulate(tmp_path, replace(SMALL, subjects=1, captures_per_subject=1))
    assert json.loads((tmp_path / "card.json").read_text())["simulated"] is True
    assert "simulated" in (tmp_path / "README.md").read_text()


def test_subjects_are_in_one_split_and_every_site_has_all() -> None:
    specs = [spec for some in plan() for spec in some.specs]
    splits: dict[str, set[str]] = {}
    for spec in specs:
        splits.setdefault(spec.subject, set()).add(spec.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {(s.domain, s.split) for s in specs} == {(d, s) for d in DOMAINS for s in ("train", "dev", "test")}
    assert len({spec.key for spec in specs}) == len(specs)


def test_attackers_are_others_from_the_same_split() -> None:
    plans = plan()
    split = {some.person: some.specs[0].split for some in plans}
    assert all(some.attacker != some.person and split[some.attacker] == split[some.person] for some in plans)
    assert attacker_of(3, [3], population=5) >= 5


def test_half_are_bona_fide_and_no_species_comes_twice_early() -> None:
    for some in plan(8, 9):
        kinds = [spec.species for spec in some.specs]
        attacks = [kind for kind in kinds if kind != "bona_fide"]
        assert len(attacks) == 4
        assert len(set(attacks)) == 4
        assert set(attacks) <= set(DOMAINS[some.specs[0].domain].species)


def test_asked_for_species_only() -> None:
    kinds = {spec.species for some in plan(4, 6, species=("replay_pc",)) for spec in some.specs}
    assert kinds == {"bona_fide", "replay_pc"}
    assert {s.species for some in plan(2, 3, species=("bona_fide",)) for s in some.specs} == {"bona_fide"}


@pytest.mark.parametrize(
    ("change", "word"),
    [({"domains": ("elm",)}, "elm"), ({"species": ("paint",)}, "paint"), ({"framing": 2.0}, "framing"),
     ({"size": 8}, "size"), ({"subjects": 0}, "subjects")],
)  # fmt: skip
def test_nonsense_is_named(change: dict[str, object], word: str) -> None:
    with pytest.raises(BadInputError, match=word):
        plan(**change)


def test_photos_without_landmarks_need_a_locator(tmp_path: Path) -> None:
    import cv2

    (tmp_path / "someone").mkdir()
    cv2.imwrite(str(tmp_path / "someone" / "a.png"), np.full((64, 64, 3), 128, np.uint8))
    with pytest.raises(BadInputError, match="landmarks"):
        list(iter_captures(ONE, faces=tmp_path))
    with pytest.raises(BadInputError, match="no usable face"):
        list(iter_captures(ONE, faces=tmp_path, locate=lambda image: None))


def test_people_from_photos_are_captured(tmp_path: Path) -> None:
    import cv2

    face = next(iter(iter_captures(replace(ONE, size=128, domains=("alder",)))))
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), face.rgb[..., ::-1])
    points = tuple((float(x), float(y)) for x, y in face.landmarks)
    people = PhotoPeople(0, 96, 3.7, ((Portrait(path, points),),))
    maps = people.maps(0, key="k")
    assert maps.lit
    assert people.name(0) != people.name(1)
    assert not people.maps(1, key="k").lit


@pytest.mark.parametrize("name", ["README.md", "manifest.csv", "card.json"])
def test_files_of_somebody_else_are_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(BadInputError, match=name):
        simulate(tmp_path, SMALL)
    assert files(tmp_path) == {name: b"{}"}


@pytest.mark.parametrize("change", [{"size": 63}, {"size": 100_000}, {"framing": float("nan")}, {"framing": 0.0}])
def test_frames_that_cannot_be_made_are_refused_before_anything_is(tmp_path: Path, change: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match=next(iter(change))):
        simulate(tmp_path / "set", replace(SMALL, **change))
    assert not (tmp_path / "set").exists()


def test_prints_cut_at_the_edge_of_the_photo_keep_their_types() -> None:
    # with this seed the portrait reaches the photo's edge, whose coordinate is a NumPy scalar
    made = list(iter_captures(Simulation(subjects=4, captures_per_subject=6, species=("print_flat",), size=64)))
    assert {capture.spec.species for capture in made} == {"bona_fide", "print_flat"}


def test_planned_rows_are_those_that_are_simulated(tmp_path: Path) -> None:
    made = simulate(tmp_path, replace(SMALL, maps=True))
    planned = planned_samples(replace(SMALL, maps=True))
    fields = ("key", "split", "label", "species", "subject", "domain", "simulated")
    assert [[getattr(row, name) for name in fields] for row in planned] == [
        [getattr(row, name) for name in fields] for row in made.manifest.rows
    ]
