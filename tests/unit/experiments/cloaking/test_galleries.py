"""Galleries on embeddings that can be worked by hand: four cells, growth, mixed sets, identification."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cloaking_plans import settings
from facewarden.core.errors import BadInputError
from facewarden.core.settings import SettingError
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.galleries.cell import GalleryRow
from facewarden.experiments.cloaking.galleries.four_cells import four_cells
from facewarden.experiments.cloaking.galleries.growing import grow, growing
from facewarden.experiments.cloaking.galleries.identification import Embedded, Misses, search
from facewarden.experiments.cloaking.galleries.mixed import HIDDEN, OTHERS, mixed
from facewarden.experiments.cloaking.population import CHOSEN_BY, Split, is_sealed, load_crowd
from facewarden.experiments.cloaking.settings import CloakingPlan, plan_of
from facewarden.experiments.engine.kind import CellResult
from facewarden.experiments.engine.summary import render_markdown
from facewarden.experiments.plans.cloaking import entry

PEOPLE = ("p0", "p1", "p2")
AWAY = 9
"""Coordinate into which a cloak turns everybody."""


def at(person: int, turned: float) -> NDArray[np.float32]:
    """A unit vector of a person that is turned by some degrees into the direction that cloaks share."""
    vector = np.zeros(AWAY + 1, dtype=np.float32)
    vector[person], vector[AWAY] = np.cos(np.radians(turned)), np.sin(np.radians(turned))
    return vector


def embedded(cloak: float = 80.0, strangers: int = 4) -> Embedded:
    """Three people of four gallery photos and two probes; a cloak turns a photo by so many degrees."""
    natural = [at(person, 2.0 * photo) for person in range(3) for photo in range(6)]
    cloaked = [at(person, cloak + photo) for person in range(3) for photo in range(6)]
    others = [at(3 + number, 0.0) for number in range(strangers)]
    split = Split(
        {who: tuple(range(6 * place, 6 * place + 4)) for place, who in enumerate(PEOPLE)},
        {who: tuple(range(6 * place + 4, 6 * place + 6)) for place, who in enumerate(PEOPLE)},
        tuple(range(18, 18 + strangers)),
    )
    rows, moved = np.stack([*natural, *others]), np.stack([*cloaked, *others])
    return Embedded(split, rows, moved, rows, moved, fpir=0.0)


def missed(found: Misses) -> float:
    return float(np.mean(found.rank1))


def test_cloaked_photos_miss_natural_probes_and_find_each_other() -> None:
    cells = four_cells(embedded(), PEOPLE)
    assert {case: missed(found) for case, found in cells.items()} == {
        "clean probe, clean gallery": 0.0,
        "clean probe, cloaked gallery": 0.0,  # a person's own photo is still the nearest: nobody else points there
        "cloaked probe, clean gallery": 0.0,
        "cloaked probe, cloaked gallery": 0.0,
    }
    assert cells["clean probe, cloaked gallery"].person == tuple(who for who in PEOPLE for _ in range(2))


def shared(cloak: float) -> Embedded:
    """The same, with strangers who stand where cloaks lead, half of them enrolled."""
    base = embedded(cloak)
    towards = np.stack([at(3, 60.0), at(4, 60.0), at(5, 85.0), at(6, 85.0)])
    rows, moved = base.natural.copy(), base.cloaked.copy()
    rows[18:], moved[18:] = towards, towards
    return Embedded(base.split, rows, moved, rows, moved, fpir=0.0)


def test_a_cloak_that_leads_to_strangers_hides_in_one_cell_only() -> None:
    found = four_cells(shared(80.0), PEOPLE)
    cells = {case: missed(one) for case, one in found.items()}
    assert cells["clean probe, clean gallery"] == 0.0
    assert cells["cloaked probe, clean gallery"] == 1.0  # the stranger at 85 degrees is nearer than the own photos
    assert cells["cloaked probe, cloaked gallery"] == 0.0  # cloaked photos of a person match each other
    open_set = {case: np.mean(one.open_set or ()) for case, one in found.items()}
    assert list(open_set.values()) == [0.0, 1.0, 1.0, 0.0]  # seventy degrees are nearest to nobody else, and too far


def test_ranks_and_thresholds_are_those_of_the_definition() -> None:
    gallery = np.eye(8, dtype=np.float32)
    owners = np.array([f"g{number}" for number in range(8)])
    probes = np.array([[0.9, 0.5, 0, 0, 0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0, 0]], dtype=np.float32)
    found = search(gallery, owners, probes, ["g0", "g0"], threshold=0.95)
    assert found.rank1 == (False, True)
    assert found.rank5 == (False, True)  # sixth
    assert found.open_set == (True, True)
    lower = search(gallery, owners, probes, ["g0", "g1"], threshold=0.15)
    assert (lower.rank5, lower.open_set) == ((False, False), (False, True))
    assert lower.intervals()["fnir"].value == 0.5
    assert set(Misses(("a",), (True,)).intervals()) == {"rank1"}


def test_the_threshold_lets_so_many_strangers_pass_and_is_none_without_them() -> None:
    whole = shared(80.0)
    gallery, owners = whole.gallery({})
    asked = whole.probes[list(whole.searching_strangers)]
    highest = (asked @ gallery.T).max(axis=1).astype(np.float64)
    assert whole.threshold() == pytest.approx(float(highest.max()), abs=1e-6)
    assert (highest >= (whole.threshold() or 0.0)).sum() == 0
    assert {"stranger 18", "stranger 20"} < set(owners.tolist())
    assert embedded(strangers=0).threshold() is None
    with pytest.raises(BadInputError, match="strangers"):
        growing(embedded(strangers=0), PEOPLE, old=1)


def test_a_gallery_grows_along_a_chain_until_a_gap() -> None:
    steps = (20.0, 40.0, 60.0, 88.0)
    pool = np.stack([at(0, turned) for turned in steps])
    threshold = float(np.cos(np.radians(25.0)))
    gallery, owners = np.stack([at(0, 0.0), at(1, 0.0)]), np.array(["p0", "p1"])
    grown = grow(gallery, owners, pool, threshold=threshold)
    assert grown.first.tolist() == ["p0", "", "", ""]
    assert grown.final.tolist() == ["p0", "p0", "p0", ""]  # 28 degrees are too far
    assert grown.rounds == 3
    nothing = grow(gallery, owners, pool[3:], threshold=threshold)
    assert (nothing.final.tolist(), nothing.rounds) == ([""], 0)
    wrong = grow(gallery, owners, at(1, 10.0)[None], threshold=threshold)
    assert wrong.final.tolist() == ["p1"]


def test_a_stable_gallery_finds_what_its_first_round_missed() -> None:
    base = embedded()
    moved = base.cloaked.copy()
    for person in range(3):
        for photo, turned in enumerate((0.0, 20.0, 40.0, 60.0)):
            moved[6 * person + photo] = at(person, turned)
    rows = base.natural.copy()
    rows[18:] = np.stack([at(3, 0.0), at(3, 25.0), at(4, 0.0), at(4, 25.0)])  # a stranger's search reaches cos 25
    whole = Embedded(base.split, rows, moved, rows, moved, fpir=0.0)
    found = growing(whole, PEOPLE, old=1)
    assert missed(found["cloaked photos, first round"]) == pytest.approx(2 / 3)
    assert missed(found["cloaked photos, stable"]) == 0.0
    assert missed(found["cloaked photos, under another name"]) == 0.0
    assert missed(found["natural probes, stable gallery"]) == 0.0
    assert len(found["natural probes, old photos only"].rank1) == 6


@pytest.mark.parametrize("tracker", ["nearest", "linear"])
def test_natural_photos_of_old_undo_a_cloak(tracker: str) -> None:
    base = shared(80.0)
    swapped = base.cloaked.copy()
    for person in range(3):  # cloaked photos look exactly like the next person's natural ones
        swapped[6 * person : 6 * person + 6] = base.natural[6 * ((person + 1) % 3) : 6 * ((person + 1) % 3) + 6]
    whole = Embedded(base.split, base.natural, swapped, base.probes, swapped, fpir=0.0)
    hidden = {
        (share, together): missed(mixed(whole, PEOPLE, share=share, together=together, tracker=tracker, seed=0)[HIDDEN])
        for share in (0.0, 1.0)
        for together in (1, 3)
    }
    assert hidden[0.0, 1] == hidden[0.0, 3] == 0.0
    assert hidden[1.0, 1] == hidden[1.0, 3] == 1.0
    some = mixed(whole, PEOPLE, share=0.5, together=1, tracker="nearest", seed=0)
    assert missed(some[HIDDEN]) < 1.0
    assert len(some[OTHERS].rank1) == 3 * 4
    assert OTHERS not in mixed(whole, PEOPLE, share=1.0, together=3, tracker=tracker, seed=0)


def test_half_of_four_photos_are_two_and_a_seed_chooses_them() -> None:
    base = shared(80.0)
    one, again, other = (
        mixed(base, PEOPLE, share=0.5, together=2, tracker="nearest", seed=seed)[HIDDEN] for seed in (0, 0, 1)
    )
    assert one == again
    assert len(one.rank1) == len(other.rank1) == 6


def test_people_of_the_sealed_test_are_a_fixed_share_and_are_left_out(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [f"{number:010x}" for number in range(1000)]
    sealed = [who for who in ids if is_sealed(who)]
    assert 350 < len(sealed) < 450
    assert not any(is_sealed(who) for who in CHOSEN_BY)
    assert sealed == [who for who in ids if is_sealed(who)]
    whole = {"people": 9, "photos": 5, "distractors": 0, "aligner": "precropped"}
    everybody = load_crowd(str(photos), **whole, store=Store(tmp_path / "store"))
    monkeypatch.setattr(
        "facewarden.experiments.cloaking.population.is_sealed", lambda who: who == sorted(everybody.people)[0]
    )
    rest = load_crowd(str(photos), **whole, store=Store(tmp_path / "store"), without_sealed=True)
    assert sorted(rest.people) == sorted(everybody.people)[1:]
    tested = replace(everybody, only_sealed=True)
    assert tested.attackers(9) == (sorted(everybody.people)[0],)
    assert tested.people == everybody.people
    with pytest.raises(BadInputError, match="nobody is left to cloak: 1 people"):
        tested.attackers(9, skip_people=1)


def test_a_plan_does_not_both_leave_out_the_sealed_people_and_let_them_alone_cloak(photos: Path) -> None:
    with pytest.raises(SettingError, match="nobody is left to cloak"):
        plan_of(settings(photos, without_sealed=True, only_sealed=True))


GALLERIES: list[dict[str, Any]] = [
    {"title": "cells", "scene": "four_cells", "cloaks": ["strong"], "purifiers": ["none", "coarse"]},
    {
        "title": "shares",
        "scene": "mixed",
        "cloaks": ["strong"],
        "purifiers": ["none"],
        "shares": [0.5],
        "together": [2],
    },
]


def test_a_plan_of_galleries_from_photos_to_a_page(photos: Path, tmp_path: Path) -> None:
    kind, plan, root = (
        entry(),
        settings(photos, galleries=GALLERIES, tables=[], cost=[], goals=[], headline=[]),
        tmp_path,
    )
    plan["tables"] = [{"title": "main", "cloaks": ["weak"], "purifiers": ["none"], "trackers": ["nearest"]}]
    cells = kind.cells(plan, root=root)
    assert [cell.name for cell in cells] == [
        "cells / strong / none", "cells / strong / coarse", "shares / strong / none", "main / weak / none / nearest",
    ]  # fmt: skip
    results = [
        CellResult(cell, json.loads(json.dumps(kind.run(cell, folder=root / "cells" / str(number)))))
        for number, cell in enumerate(cells)
    ]
    summary = kind.summarize(plan, results)
    page = render_markdown(summary, command="facewarden bench PLAN.yaml")
    assert "clean probe, cloaked gallery" in page
    assert "50 % cloaked, 2 at once: those who cloak" in page
    rows = [GalleryRow.from_json(row) for row in summary.data["galleries"]["cells"]]
    assert [GalleryRow.from_json(row.as_json()) for row in rows] == rows
    by_case = {row.case: row for row in rows if (row.recognizer, row.purifier) == ("one", "none")}
    assert by_case["clean probe, cloaked gallery"].misses["rank1"].value == 1.0
    assert by_case["clean probe, clean gallery"].misses["rank1"].value == 0.0
    assert "fnir" not in by_case["clean probe, clean gallery"].misses  # a folder has no strangers
    assert by_case["clean probe, clean gallery"].kind == "surrogate"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scene": "five_cells"}, "four_cells, growing or mixed"),
        ({"cloaks": ["stronk"]}, "did you mean 'strong'"),
        ({"purifiers": ["non"]}, "did you mean 'none'"),
        ({"shares": [1.5]}, "shares"),
        ({"together": []}, "together"),
        ({"share": [1.0]}, "did you mean 'shares'"),
    ],
)
def test_a_setting_of_a_gallery_that_cannot_be_used_is_named(
    photos: Path,
    change: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(SettingError, match=message):
        plan_of(settings(photos, galleries=[{**GALLERIES[0], **change}]))


def test_only_what_a_scene_reads_decides_its_cells(photos: Path) -> None:
    def scene(**change: Any) -> dict[str, Any]:
        plan: CloakingPlan = plan_of(settings(photos, galleries=[{**GALLERIES[0], **change}]))
        return dict(plan.galleries[0].of_scene())

    assert scene() == scene(shares=[0.1], old=3)
    assert scene() != scene(fpir=0.1)
    assert scene(scene="mixed") != scene(scene="mixed", shares=[0.1])
