"""Guards of the cloaking experiment: what a cell is computed from, told by stand-ins whose answers are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import stats
from torch import Tensor, nn

from facewarden.attacks.fawkes import Fawkes
from facewarden.core.card import Card
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.objective import Images, Objective
from facewarden.core.roles import Purifier, Recognizer
from facewarden.data.datasets import FacePhoto
from facewarden.data.datasets.lfw import Lfw
from facewarden.experiments.cloaking import cloak_recipe as cloaking_recipe
from facewarden.experiments.cloaking import measure as module
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import Best, CloakRecipe
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning, Halves, end_to_end
from facewarden.experiments.cloaking.measure import CloakingResult, measure
from facewarden.experiments.cloaking.population import CHOSEN_BY, Split, crowd_of, evaluation_photos, load_crowd
from facewarden.experiments.cloaking.purifier_cost import cost_of
from facewarden.experiments.cloaking.results_grid import CloakingGrid
from facewarden.experiments.cloaking.small_grid import cell_metrics, evaluate_cloaking, parse_cloak
from facewarden.experiments.cloaking.tables import cells_table
from facewarden.experiments.cloaking.trackers import UserOutcome
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.photos import cloak_attack
from facewarden.photos.aligned import AlignedFaces, embed_all, to_images
from facewarden.photos.cloak_attack import choose_method
from facewarden.training.pairs import PairSet
from stand_ins import TinyRecognizer, make_faces

Pixels = NDArray[np.uint8]


class Color(Recognizer):
    dim = 3
    card = Card("color", "mean color", "recognizer", match_threshold=0.25)

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Parameter(torch.zeros(()), requires_grad=False)

    def features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) - 0.5 + 1e-4 + self.turn

    def halves(self) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        return lambda images: images.mean(dim=(2, 3)), nn.Linear(3, 3)


class Changes(Purifier):
    differentiable = True

    def __init__(self, name: str, change: Callable[[Tensor], Tensor], features: Sequence[str] = ()) -> None:
        self.card, self.change = Card(name, name, "purifier", settings={"features": list(features)}), change

    def purify(self, images: Tensor) -> Tensor:
        return self.change(images)


def without(rows: slice, columns: slice) -> Callable[[Tensor], Tensor]:
    kept = torch.ones(112, 112)
    kept[rows, columns] = 0
    return lambda images: images * kept


WHOLE, HALF = slice(None), slice(0, 56)
MODELS: dict[str, Any] = {
    "color": Color(),
    "identity": Changes("identity", lambda images: images),
    "negative": Changes("negative", lambda images: 1 - images, ["faceres", "arcface"]),
    "topless": Changes("topless", without(HALF, WHOLE)),
    "leftless": Changes("leftless", without(WHOLE, HALF)),
}
SIGNS = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)]
CLOAK = CloakRecipe("pgd", "10", ("color",), settings={"steps": 2})


def make_lab(folder: Path, photos: int = 4) -> ExperimentCache:
    draw, where = np.random.default_rng(0), list(product(range(len(SIGNS)), range(photos)))
    faces = [np.full((112, 112, 3), 127.5) + 20 * np.array(SIGNS[who]) + draw.uniform(-2, 2, 3) for who, _ in where]
    names, keys = tuple(f"p{who}" for who, _ in where), tuple(f"p{who}-{photo}" for who, photo in where)
    crowd = crowd_of(AlignedFaces(np.stack(faces).round().astype(np.uint8), names, keys, "colors", True, {}))
    return ExperimentCache(crowd, folder, recognizer=MODELS.__getitem__, purifier=MODELS.__getitem__)


def run(lab: ExperimentCache, cloak: CloakRecipe = CLOAK, **changes: Any) -> CloakingResult:
    plain: dict[str, Any] = {"purifier": "identity", "tracker": "nearest", "recognizers": ["color"], "attackers": 4}
    (cell,) = measure(lab, cloak, **(plain | changes))
    return cell


def others(who: str) -> list[str]:
    return [name for name in ("p0", "p1", "p2", "p3") if name != who]


Outcome = tuple[list[bool], list[bool], list[bool]]


def says(monkeypatch: pytest.MonkeyPatch, outcome: Callable[[str], Outcome] = lambda who: ([True],) * 3) -> list[Any]:
    """Put a tracker in the place of all of them that gives these outcomes, and return what it will be given."""
    given: list[Any] = []

    def tracker(gallery: Any, people: Sequence[str], **_: Any) -> dict[str, UserOutcome]:
        given.append(gallery)
        hits = {who: [np.array(part) for part in outcome(who)] for who in people}
        return {who: UserOutcome(a, b, c, (others(who) * 3)[: len(c)]) for who, (a, b, c) in hits.items()}

    monkeypatch.setattr(module, "TRACKERS", {"nearest": tracker})
    monkeypatch.setattr(module, "end_to_end", tracker)
    return given


def test_excess_is_what_the_cloak_adds_to_the_natural_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, lambda who: ([False, False, False, True], [True, True, False, True], [True, False]))
    cell = run(make_lab(tmp_path))
    assert (cell.protection.value, cell.natural_error.value, cell.excess) == (0.75, 0.25, 0.5)
    assert cell.normal_accuracy.value == 0.5


def test_more_seeds_of_the_same_people_narrow_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, lambda who: ([False] * 9, [True] * 9, [True] * 9))
    cell = run(make_lab(tmp_path), seeds=[0, 1, 2])
    # four people, whose rows may repeat each other: Clopper and Pearson of 4 in 4 and 0 in 4
    assert cell.protection.low == pytest.approx(0.025**0.25)
    assert cell.natural_error.high == pytest.approx(1 - 0.025**0.25)
    assert cell.normal_accuracy.low == pytest.approx(0.025**0.25)
    found = ["p0", "p1"]
    says(monkeypatch, lambda who: ([who in found] * 9, [who == "p0"] * 9, [name in found for name in others(who)] * 3))
    cell = run(make_lab(tmp_path), seeds=[0, 1, 2])
    for interval in (cell.protection, cell.natural_error, cell.normal_accuracy):
        assert interval.method.endswith("only 4 subjects")
    for interval in (cell.protection, cell.normal_accuracy):  # two of four are found, every time
        ends = stats.beta.ppf(0.025, 2, 3), stats.beta.ppf(0.975, 3, 2)
        assert (interval.low, interval.value, interval.high) == pytest.approx((ends[0], 0.5, ends[1]))
    assert sorted(cell.hidden) == [0, 0, 1, 1]


@pytest.mark.parametrize("probes", ["raw", "purified"])
@pytest.mark.parametrize("tracker", ["nearest", "end_to_end", "whole_network"])
def test_the_gallery_is_purified_and_the_probes_are_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracker: str, probes: str
) -> None:
    def read(crops: Pixels) -> NDArray[Any]:
        if tracker == "nearest":
            return embed_all(MODELS["color"], to_images(crops))
        return crops if tracker == "whole_network" else np.asarray(to_images(crops).mean(dim=(2, 3)).half().numpy())

    lab = make_lab(tmp_path)
    given = says(monkeypatch)
    run(lab, tracker=tracker, probes=probes, purifier="negative", attackers=1)
    raw = lab.crowd.faces.crops
    who, mixed = lab.crowd.attackers(1)[0], raw.copy()
    mixed[lab.crowd.people[who]] = lab.cloaked(CLOAK, who)
    assert not np.array_equal(mixed, raw)
    asked = raw if probes == "raw" else 255 - raw
    shown = (given[0].natural, given[0].cloaked, given[0].probes)
    for found, wanted in zip(shown, (255 - raw, 255 - mixed, asked), strict=True):
        np.testing.assert_allclose(found.astype(np.float64), read(wanted).astype(np.float64), atol=1e-3)


def test_what_happens_after_the_cloak_reaches_the_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab, later = make_lab(tmp_path), replace(CLOAK, after=("topless", "negative"))
    wanted = 255 - lab.cloaked(CLOAK, "p1")
    wanted[:, :56] = 255
    assert np.array_equal(lab.cloaked(later, "p1"), wanted)
    given = says(monkeypatch)
    run(lab, later)
    rows = lab.crowd.people["p1"]
    np.testing.assert_allclose(given[0].cloaked[rows], embed_all(MODELS["color"], to_images(wanted)), atol=1e-5)


def test_a_cloak_that_is_planned_through_purifiers_changes_what_they_let_through(tmp_path: Path) -> None:
    lab = make_lab(tmp_path)

    def changed(*through: str) -> list[bool]:
        recipe = CloakRecipe("fgsm", "8", ("color",), through=through)
        change = lab.cloaked(recipe, "p1").astype(int) - lab.crowd.faces.crops[lab.crowd.people["p1"]]
        quarters = (change[:, rows, columns] for rows in (HALF, slice(56, None)) for columns in (HALF, slice(56, None)))
        return [bool(quarter.any()) for quarter in quarters]

    assert changed() == [True, True, True, True]
    assert changed("topless") == [False, False, True, True]
    assert changed("leftless") == [False, True, False, True]
    assert changed("topless", "leftless") == [False, True, True, True]


class Known(Objective):
    goal = "known"

    def __init__(self, *values: float) -> None:
        self.clean, self.keys = {"rgb": torch.zeros(len(values), 3, 4, 4)}, ("a", "b", "c")[: len(values)]
        self.values = torch.tensor(values)

    def loss(self, images: Images) -> Tensor:
        return self.values

    def success(self, images: Images) -> Tensor:
        return self.values > 0

    def margin(self, images: Images) -> Tensor:
        return self.values - 1


def test_the_best_of_several_targets_is_the_nearest_one_of_each_sample() -> None:
    best = Best([Known(0.1, -3.0, -5.0), Known(-0.2, 2.0, -4.0)])
    torch.testing.assert_close(best.loss(best.clean), torch.tensor([0.1, 2.0, -4.0]))
    torch.testing.assert_close(best.margin(best.clean), torch.tensor([-0.9, 1.0, -5.0]))
    assert best.success(best.clean).tolist() == [True, True, False]


@pytest.mark.parametrize(("mode", "threshold"), [("low", 0.004), ("mid", 0.012), ("high", 0.017)])
def test_settings_leave_the_mode_of_fawkes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, threshold: float
) -> None:
    seen: list[Any] = []

    def perturb(self: Fawkes, objective: Any) -> Images:
        seen.append((self.mode, self.ascent.threshold, self.ascent.steps))
        clean: Images = objective.clean
        return clean

    monkeypatch.setattr(Fawkes, "perturb", perturb)
    make_lab(tmp_path).cloaked(CloakRecipe("fawkes", mode, ("color",), settings={"steps": 3}), "p1")
    assert set(seen) == {(mode, threshold, 3)}


def test_attackers_are_the_users_of_lfw_and_distractors_people_of_whom_nothing_is_learned(tmp_path: Path) -> None:
    names, users = [f"Some_Body{number:03d}" for number in range(40)], ["A_User", "B_User", "User_6"]
    held = [*product(names, (1, 2)), *product(users, range(1, 11))]
    for number, (name, photo) in enumerate(held):
        folder = tmp_path / "lfw" / name
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (2 * number, 100, 50)).save(folder / f"{name}_{photo:04d}.png")
    store, spec = Store(tmp_path / "store"), f"lfw:{tmp_path / 'lfw'}"
    crowd = load_crowd(spec, people=99, photos=10, distractors=99, store=store, aligner="precropped")
    photos = Lfw(tmp_path / "lfw").photos()
    called = {photo.identity: photo.path.parent.name for photo in photos}
    assert sorted(called[who] for who in crowd.people) == users
    who, empty = tuple(called), np.zeros((len(called), 1, 1, 3), dtype=np.uint8)
    _, looked_at = PairSet(empty, empty, who, who, who).split()
    strangers = [name.removeprefix("distractor:") for name in crowd.faces.person if name.startswith("distractor:")]
    assert sorted(strangers) == sorted(one for one in looked_at.person if called[one] not in users)
    assert strangers
    assert any(called[one] in users for one in looked_at.person)  # a user is no distractor even then


@pytest.mark.parametrize("others", [3, 40])
def test_those_who_chose_the_recipe_judge_no_purifier_in_any_copy_of_the_set(others: int) -> None:
    there = [*CHOSEN_BY[:14], *(f"p{number}" for number in range(others))]
    photos = [FacePhoto(Path("x.png"), who, f"{who}/{n}") for who in there for n in range(2)]
    crops = np.zeros((len(photos), 2, 2, 3), dtype=np.uint8)
    who, keys = tuple(one.identity for one in photos), tuple(one.key for one in photos)
    faces = AlignedFaces(crops, who, keys, "set", simulated=True, skipped={})
    assert crowd_of(faces).attackers(14) == CHOSEN_BY[:14]
    assert {one.identity for one in evaluation_photos(photos)} == set(there[14:])
    assert len(set(CHOSEN_BY)) == read_plan("cloaking_lfw").settings["skip_people"] == 16


@pytest.mark.parametrize(("attack", "targets"), [("fawkes_targeted", 1), ("tip_im", 5)])
def test_a_person_of_more_photos_than_a_group_is_aimed_photo_by_photo(
    attack: str, targets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noise(*, people: int, each: int, seed: int) -> AlignedFaces:
        crops = np.random.default_rng(seed).integers(0, 256, (people * each, 112, 112, 3)).astype(np.uint8)
        names = tuple(f"p{number // each}" for number in range(people * each))
        return AlignedFaces(crops, names, tuple(f"{number}" for number in range(people * each)), "noise", True, {})

    monkeypatch.setattr(cloak_attack, "drawn_faces", noise)  # strangers of any kind are chosen among alike
    clean = make_faces(10) * 0.7 + 0.15
    method = choose_method(attack, strength="mid", eps=None, thorough=False)
    found = method.targets([TinyRecognizer()], clean[:8], keys=list("abcdefgh"), seed=0, own=clean)
    assert [len(one) for one in found] == [8] * targets


def test_a_cloak_is_aimed_with_all_photos_of_its_person_in_view(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def goal(method: Any, models: Any, clean: Tensor, *, own: Tensor | None = None, **rest: Any) -> Objective:
        assert own is not None
        seen.append((len(clean), len(own)))
        return PushAway(models, clean, keys=rest["keys"])

    monkeypatch.setattr(cloaking_recipe, "goal_of", goal)
    crops = np.random.default_rng(0).integers(60, 190, (10, 112, 112, 3)).astype(np.uint8)
    recipe = CloakRecipe("noise", "8", ("color",))
    recipe.cloak(
        crops, [str(n) for n in range(10)], recognizer=lambda name: TinyRecognizer(), purifier=lambda name: None
    )
    assert seen == [(8, 10), (2, 10)]  # in groups, and each of them knows the whole person
    told = CloakRecipe("fawkes_targeted", "mid", ("color",)).recipe(recognizer=lambda n: TinyRecognizer(), purifier=str)
    assert told["aim"] == "centroid"


def tracked(points: NDArray[np.float32], count: int, above: Callable[[], nn.Module], **how: Any) -> list[float]:
    """Share of every person's photos that a tracker knows which was trained on the same photos."""
    each = len(points) // count
    rows = {f"p{who}": tuple(range(who * each, (who + 1) * each)) for who in range(count)}
    half = points.astype(np.float16)
    found = end_to_end(
        Halves(Split(rows, rows, ()), half, half, half), list(rows), above=above, how=FineTuning(**how), seed=0
    )
    return [float(hits.mean()) for one in found.values() for hits in (one.cloaked, one.natural, one.others)]


def test_the_trained_tracker_learns_what_mean_centers_get_wrong() -> None:
    angles = np.deg2rad([0, 0, 0, 0, 0, 65, 100, 100, 100, 100, 100, 100])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    untrained = tracked(points, 2, nn.Identity, before=0, after=0)
    assert min(untrained) == pytest.approx(5 / 6)
    assert tracked(points, 2, nn.Identity, before=0, after=60, rate=3e-2) == [1.0] * 6


def test_the_trained_tracker_learns_in_the_network_too() -> None:
    def above() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))

    points = np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]], dtype=np.float32)  # no line parts them
    assert min(tracked(points, 2, above, before=0, after=0)) < 1
    assert tracked(points, 2, above, before=0, after=80, rate=3e-2) == [1.0] * 6


def test_the_trained_tracker_enrolls_every_attacker_however_small_its_gallery() -> None:
    points = np.eye(5, dtype=np.float32).repeat(2, axis=0)
    assert tracked(points, 5, nn.Identity, people=3, before=0, after=0) == [1.0] * 15
    assert [FineTuning(people=3).enrolled(attackers) for attackers in (1, 3, 5)] == [3, 3, 5]


def test_the_cost_compares_the_purified_with_the_raw(tmp_path: Path) -> None:
    cost = cost_of(make_lab(tmp_path), "negative", recognizers=["color"], rounds=4)["recognizers"]["color"]
    assert (cost["before"]["eer"][0], cost["both"]["eer"][0]) == (0.0, 0.0)
    assert cost["gallery"]["eer"][0] > 0.4  # a negative is less like its own face than like all others
    assert cost["rank1"] == {"before": 1.0, "after": 0.0}


def test_tables_and_metrics_name_the_loss_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch)
    lab = make_lab(tmp_path)
    cells = [run(lab, purifier=purifier) for purifier in ("negative", "identity")]
    cells.append(replace(cells[0], recognizer="arcface"))
    assert [cell.loss_networks for cell in cells[:2]] == [("faceres", "arcface"), ()]
    table = cells_table("t", cells, CloakingGrid({"t": cells}))
    column = table.columns.index("Loss networks")
    assert [row[column] for row in table.rows] == ["faceres, arcface", "none", "faceres, arcface"]
    assert ["recognizer = loss network" in str(row[-1]) for row in table.rows] == [False, False, True]
    groups = [metric.group["loss_networks"] for metric in cell_metrics(cells, simulated=True)]
    assert groups == [*["faceres+arcface"] * 3, *["none"] * 3, *["faceres+arcface"] * 3]


def test_a_cloak_takes_settings_in_braces_and_names_rows_alone(tmp_path: Path) -> None:
    recipe = parse_cloak('pgd:12{"steps": 2}', surrogates=["one"])
    assert (recipe.attack, recipe.level, recipe.settings) == ("pgd", "12", {"steps": 2})
    with pytest.raises(BadInputError, match="no setting 'stepz'; did you mean 'steps'"):
        parse_cloak('pgd:12{"stepz": 2}', surrogates=["one"])
    with pytest.raises(BadInputError, match="are called the same"):
        evaluate_cloaking(
            dataset="absent", cloak=("pgd:12", 'pgd:12{"steps": 2}'), surrogate=("one",), purifier=("identity",),
            tracker=("nearest",), recognizer=("two",), users=1, skip_people=0, aligner="yunet", seeds=(0,),
            run=tmp_path, out=None,
        )  # fmt: skip
