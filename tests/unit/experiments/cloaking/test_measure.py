"""The cloaking experiment with recognizers whose embeddings can be worked by hand, and trackers against oracles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from facewarden.core.card import Card
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.objective import TransformedObjective
from facewarden.core.roles import Purifier, Recognizer
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe, Mean
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning, Halves, Whole, end_to_end
from facewarden.experiments.cloaking.measure import CloakingResult, collected, measure
from facewarden.experiments.cloaking.population import Population, Split, crowd_of
from facewarden.experiments.cloaking.recognizer_kinds import RecognizerRate, headline, loss_networks, recognizer_kind
from facewarden.experiments.cloaking.trackers import Gallery, UserOutcome, linear, nearest
from facewarden.metrics.intervals import mean_by_subject
from facewarden.photos.aligned import AlignedFaces, to_images


class Color(Recognizer):
    """Embeds a face by its mean color around mid gray: three numbers anyone can follow."""

    dim = 3

    def __init__(self, name: str = "color", turn: float = 0.0) -> None:
        super().__init__()
        self.card = Card(name, "mean color", "recognizer", match_threshold=0.25)
        self.turn = nn.Parameter(torch.tensor(turn), requires_grad=False)

    def features(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) - 0.5 + 1e-4 + 1e-3 * self.turn

    def halves(self) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        above = nn.Sequential(nn.Flatten(), nn.Linear(3, 3, bias=False))
        with torch.no_grad():
            above[1].weight.copy_(torch.eye(3))
        return lambda images: 50 * (images.mean(dim=(2, 3), keepdim=True) - 0.5 + 1e-4), above


class Same(Purifier):
    card = Card("same", "nothing", "purifier")
    differentiable = True

    def purify(self, images: Tensor) -> Tensor:
        return images


class Snap(Purifier):
    """Knows the person's color from a strongly colored corner and paints the whole face with it."""

    card = Card("snap", "snap", "purifier", settings={"features": ["color"]})

    def __init__(self) -> None:
        self.seen = 0

    def purify(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        sign = (images[..., :8, :8].mean(dim=(2, 3), keepdim=True) - 0.5).sign()
        return (0.5 + 0.012 * sign).expand_as(images)


SIGNS = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1), (1, -1, -1), (-1, 1, -1)]


def colored(people: int = 4, photos: int = 5, strangers: int = 0) -> Population:
    draw = np.random.default_rng(0)
    names = [f"p{i}" for i in range(people)] + [f"distractor:{i}" for i in range(strangers)]
    crops, person, key = [], [], []
    for who, name in enumerate(names):
        for photo in range(photos if who < people else 1):
            face = np.full((112, 112, 3), 127.5) + 3 * np.array(SIGNS[who]) + draw.uniform(-0.4, 0.4, 3)
            face[:8, :8] += 40 * np.array(SIGNS[who])
            crops.append(face)
            person.append(name)
            key.append(f"{name}-{photo}")
    pixels = np.stack(crops).round().astype(np.uint8)
    return crowd_of(AlignedFaces(pixels, tuple(person), tuple(key), "colors", True, {}))


SNAP = Snap()
MODELS: dict[str, Any] = {"color": Color(), "other": Color("other", 1.0), "identity": Same(), "snap": SNAP}
CLOAK = CloakRecipe("pgd", "10", ("color",))


def lab(folder: Path, crowd: Population | None = None) -> ExperimentCache:
    return ExperimentCache(crowd or colored(), folder, recognizer=MODELS.__getitem__, purifier=MODELS.__getitem__)


def run(folder: Path, cloak: CloakRecipe = CLOAK, **changes: Any) -> list[CloakingResult]:
    settings: dict[str, Any] = {"purifier": "identity", "tracker": "nearest", "recognizers": ["color"], "attackers": 3}
    return measure(lab(folder), cloak, **(settings | changes))


def test_gallery_and_probes_share_nothing_and_split_70_30() -> None:
    split = colored(photos=10, strangers=2).split(0)
    assert set(split.gallery) == {"p0", "p1", "p2", "p3"}
    for who, gallery in split.gallery.items():
        assert (len(gallery), len(split.probes[who])) == (7, 3)
        assert not set(gallery) & set(split.probes[who])
    assert len(split.distractors) == 2
    assert colored(photos=10).split(1).gallery != split.gallery


def test_fewer_attackers_are_contained_in_more() -> None:
    crowd = colored(people=6)
    assert crowd.attackers(5)[:2] == crowd.attackers(2)
    assert crowd.attackers(3, skip_people=2) == crowd.attackers(5)[2:]
    with pytest.raises(
        BadInputError, match=r"nobody is left to cloak: .* people have two photos with a face, and 99 are"
    ):
        crowd.attackers(3, skip_people=99)


@pytest.mark.parametrize("tracker", ["nearest", "linear", "end_to_end", "whole_network"])
def test_a_strong_cloak_hides_and_the_right_purifier_finds(tmp_path: Path, tracker: str) -> None:
    tuning = FineTuning(groups=2, before=2, after=3, rate=1e-2)
    (hidden,) = run(tmp_path, tracker=tracker, tuning=tuning)
    (found,) = run(tmp_path, tracker=tracker, purifier="snap", tuning=tuning)
    assert hidden.natural_error.value == 0
    assert hidden.protection.value > 0.6
    assert hidden.excess == hidden.protection.value
    assert hidden.protection.low < 0.5  # three people prove little
    assert found.protection.value == 0
    assert found.normal_accuracy.value == 1


@pytest.mark.parametrize("tracker", ["nearest", "linear", "end_to_end", "whole_network"])
def test_an_uncloaked_user_is_protected_by_the_natural_error_alone(tmp_path: Path, tracker: str) -> None:
    (cell,) = run(tmp_path, replace(CLOAK, level="0.01"), tracker=tracker)  # rounds away
    assert cell.protection == cell.natural_error
    assert cell.excess == 0


def test_every_cell_names_surrogates_loss_networks_and_what_the_recognizer_is(tmp_path: Path) -> None:
    first, second = run(tmp_path, purifier="snap", recognizers=["color", "other"])
    assert (first.recognizer, first.kind, first.loss_networks, first.surrogates) == (
        "color",
        "surrogate",
        ("color",),
        ("color",),
    )
    assert second.kind == "unseen_family"
    assert CloakingResult.from_json(first.as_json()) == first


def test_what_was_computed_is_found_again(tmp_path: Path) -> None:
    first = run(tmp_path, purifier="snap")
    seen = SNAP.seen
    again = run(tmp_path, purifier="snap", seeds=[0])
    assert first == again
    assert SNAP.seen == seen
    run(tmp_path, purifier="snap", seeds=[0, 1])  # another split needs no other embedding
    assert SNAP.seen == seen
    run(tmp_path, replace(CLOAK, seed=1), purifier="snap")
    assert SNAP.seen > seen


def test_both_sides_purified(tmp_path: Path) -> None:
    (cell,) = run(tmp_path, purifier="snap", probes="purified")
    assert (cell.probes, cell.protection.value) == ("purified", 0)


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="tracker 'farthest'"):
        run(tmp_path, tracker="farthest")
    with pytest.raises(BadInputError, match="1 people"):
        colored(people=1).split(0)
    with pytest.raises(BadInputError, match="surrogates"):
        CloakRecipe("pgd", "8", ())
    with pytest.raises(BadInputError, match="no strength"):
        _ = CloakRecipe("pgd", "strong", ("color",)).eps


def blobs(people: int = 6, photos: int = 6, dim: int = 8) -> tuple[Gallery, list[str]]:
    """Overlapping clouds, and cloaked photos that lie in between: neither all right nor all wrong."""
    draw = np.random.default_rng(5)
    centers = draw.normal(size=(people, dim))
    rows = np.repeat(np.arange(people), photos)
    natural = (centers[rows] + 0.8 * draw.normal(size=(len(rows), dim))).astype(np.float32)
    cloaked = (0.5 * natural + 0.6 * centers[(rows + 1) % people]).astype(np.float32)
    strangers = draw.normal(size=(4, dim)).astype(np.float32)
    parts = {f"p{i}": tuple(np.flatnonzero(rows == i).tolist()) for i in range(people)}
    split = Split(
        {who: held[:4] for who, held in parts.items()},
        {who: held[4:] for who, held in parts.items()},
        tuple(range(len(rows), len(rows) + 4)),
    )

    def unit(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)

    whole = unit(np.concatenate([natural, strangers]))
    return Gallery(split, whole, unit(np.concatenate([cloaked, strangers])), whole), list(parts)


def by_sklearn(gallery: Gallery, who: str, model: Any, *, strangers: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    split = gallery.split
    known = gallery.natural.copy()
    known[list(split.gallery[who])] = gallery.cloaked[list(split.gallery[who])]
    rows = [row for held in split.gallery.values() for row in held]
    names = [name for name, held in split.gallery.items() for _ in held]
    if strangers:
        rows, names = rows + list(split.distractors), names + ["stranger"] * len(split.distractors)
    said = model.fit(known[rows], names).predict(gallery.asked)
    right, mine = said == np.array(gallery.owners), np.array(gallery.owners) == who
    return right[mine], right[~mine]


def test_nearest_agrees_with_scikit_learn() -> None:
    gallery, people = blobs()
    found = nearest(gallery, people)
    for who in people:
        hits, others = by_sklearn(gallery, who, KNeighborsClassifier(1, metric="cosine"), strangers=True)
        assert found[who].cloaked.tolist() == hits.tolist()
        assert found[who].others.tolist() == others.tolist()
    mixed = np.concatenate([outcome.cloaked for outcome in found.values()])
    assert 0 < mixed.mean() < 1


def test_a_warm_start_ends_where_scikit_learn_ends_from_zero() -> None:
    gallery, people = blobs()
    found = linear(gallery, people)
    for who in people:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000, tol=1e-6))
        hits, others = by_sklearn(gallery, who, model, strangers=False)
        assert found[who].cloaked.tolist() == hits.tolist()
        assert found[who].others.tolist() == others.tolist()


def test_a_tie_counts_against_the_tracker() -> None:
    gallery, people = blobs()
    flat = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (len(gallery.natural), 1))
    found = nearest(Gallery(gallery.split, flat, flat, flat), people)
    assert not any(outcome.cloaked.any() or outcome.others.any() for outcome in found.values())


def test_the_order_of_people_changes_nothing() -> None:
    gallery, people = blobs()
    one, two = nearest(gallery, people), nearest(gallery, people[::-1])
    assert all(one[who].cloaked.tolist() == two[who].cloaked.tolist() for who in people)


def test_fine_tuning_never_sees_an_attacker_before_the_turn_and_repeats() -> None:
    gallery, people = blobs()
    wrong = gallery.natural.copy()  # the attackers' natural photos are all somebody else's
    for who in people[:2]:
        rows = list(gallery.split.gallery[who])
        wrong[rows] = gallery.natural[list(gallery.split.gallery["p5"])]

    def tracked(natural: NDArray[np.float32], groups: int) -> dict[str, Any]:
        halves = Halves(
            gallery.split, natural.astype(np.float16), gallery.cloaked.astype(np.float16),
            gallery.natural.astype(np.float16),
        )  # fmt: skip
        how = FineTuning(groups=groups, rate=1e-2, before=2, after=2)
        return end_to_end(halves, people[:1], above=partial(nn.Identity), how=how, seed=3)

    first, again = tracked(gallery.natural, 1), tracked(gallery.natural, 1)
    assert first["p0"].cloaked.tolist() == again["p0"].cloaked.tolist()
    poisoned = gallery.natural.copy()
    poisoned[list(gallery.split.gallery["p0"])] = wrong[list(gallery.split.gallery["p0"])]
    other = tracked(poisoned, 1)  # only the natural control may notice
    assert other["p0"].cloaked.tolist() == first["p0"].cloaked.tolist()
    assert other["p0"].others.tolist() == first["p0"].others.tolist()


def rate(**changes: Any) -> RecognizerRate:
    return RecognizerRate(
        **(
            {
                "rate": 0.1,
                "untreated": 0.9,
                "kind": "surrogate",
                "recognizer": "f",
                "surrogates": ("f",),
                "loss_networks": (),
            }
            | changes
        )
    )


def test_recognizers_of_two_kinds_are_never_pooled() -> None:
    assert headline([rate(rate=0.1), rate(rate=0.3)]) == pytest.approx(0.2)
    with pytest.raises(ContractError, match="never pooled"):
        headline([rate(), rate(kind="unseen_network", recognizer="s")])
    with pytest.raises(ContractError, match="never pooled"):
        headline([rate(kind="unseen_family"), rate(kind="unseen_network")])


def test_no_headline_uses_the_loss_network_or_a_cloak_that_does_nothing() -> None:
    with pytest.raises(ContractError, match="loss network"):
        headline([rate(), rate(loss_networks=("g", "f"))])
    with pytest.raises(ContractError, match="protects nobody"):
        headline([rate(untreated=0.19)])
    with pytest.raises(ContractError, match="no cells"):
        headline([])
    assert rate(untreated=0.2).eligible


def test_kinds_of_recognizers_follow_the_architecture() -> None:
    class Networked(Color):
        def __init__(self, name: str, network: nn.Module) -> None:
            super().__init__(name)
            self.network = network

    one, two, odd = Networked("a", nn.Bilinear(1, 1, 1)), Networked("b", nn.Bilinear(1, 1, 1)), Color("c")
    assert recognizer_kind(one, [one]) == "surrogate"
    assert recognizer_kind(two, [one]) == "unseen_network"
    assert recognizer_kind(odd, [one]) == "unseen_family"
    assert recognizer_kind(Color("d"), [odd]) == "unseen_family"


def test_the_card_names_the_loss_networks() -> None:
    assert loss_networks(SNAP) == ("color",)
    assert loss_networks(Same()) == ()


def test_a_mean_of_views_is_their_mean() -> None:
    crops = to_images(colored().faces.crops[:2])
    goal = PushAway([Color()], crops, keys=["a", "b"])
    dark = TransformedObjective(goal, lambda images: {"rgb": images["rgb"] * 0.98})
    both = Mean([goal, dark])
    moved = {"rgb": (crops + 0.01).clamp(0, 1)}
    assert torch.allclose(both.loss(moved), (goal.loss(moved) + dark.loss(moved)) / 2)
    assert torch.equal(both.success(moved), goal.success(moved) & dark.success(moved))
    assert torch.allclose(both.margin(moved), torch.minimum(goal.margin(moved), dark.margin(moved)))
    with pytest.raises(BadInputError):
        Mean([])


def test_a_damaged_store_says_which_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get("vectors", {"a": 1}, lambda: {"v": np.arange(3)})["v"].tolist() == [0, 1, 2]
    assert store.get("vectors", {"a": 1}, dict)["v"].tolist() == [0, 1, 2]
    store.path("vectors", {"a": 1}).write_bytes(b"nothing")
    with pytest.raises(BadInputError, match="cannot be read"):
        store.get("vectors", {"a": 1}, dict)


class Small(Recognizer):
    """Two layers, the first of which no upper half would hold."""

    dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.card = Card("small", "two layers", "recognizer")
        self.first, self.second = nn.Conv2d(3, 5, 8, stride=8), nn.Linear(5, 4)

    def features(self, images: Tensor) -> Tensor:
        found: Tensor = self.second(self.first(images).relu().mean(dim=(2, 3)))
        return found


def test_a_whole_network_is_a_copy_that_says_the_same_and_learns_from_its_first_layer_on() -> None:
    torch.manual_seed(0)
    recognizer, crops = Small(), colored().faces.crops[:3]
    before = [value.clone() for value in recognizer.parameters()]
    whole = Whole(recognizer)
    out = whole(torch.from_numpy(crops).float())
    images = torch.from_numpy(crops).permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(torch.nn.functional.normalize(out, dim=1), recognizer.embed(images))
    torch.autograd.backward(out.square().sum())
    assert all(value.grad is not None and bool((value.grad != 0).any()) for value in whole.parameters())
    with torch.no_grad():
        for value in whole.parameters():
            value.add_(1.0)
    assert all(torch.equal(one, other) for one, other in zip(before, recognizer.parameters(), strict=True))


def test_a_recognizer_without_anything_to_train_has_no_trained_tracker(tmp_path: Path) -> None:
    class Fixed(Color):
        def __init__(self) -> None:
            super().__init__("fixed")
            del self.turn

        def features(self, images: Tensor) -> Tensor:
            return images.mean(dim=(2, 3)) - 0.5 + 1e-4

    there = ExperimentCache(
        colored(), tmp_path, recognizer={**MODELS, "fixed": Fixed()}.__getitem__, purifier=MODELS.__getitem__
    )
    cells = measure(
        there, CLOAK, purifier="identity", tracker="whole_network", recognizers=["fixed", "color"], attackers=2
    )
    assert [cell.recognizer for cell in cells] == ["color"]


def test_the_interval_of_normal_accuracy_is_over_the_people_asked_for() -> None:
    always, never = np.array([True, True]), np.array([False, False])
    hits = {"p0": always, "p1": always, "p2": always, "p3": never}  # whoever cloaks, p3 is never found

    def outcome(who: str) -> UserOutcome:
        rest = [name for name in hits if name != who]
        asked = [name for name in rest for _ in hits[name]]
        return UserOutcome(never, always, np.concatenate([hits[name] for name in rest]), asked)

    people = ["p0", "p1"]
    _, _, others, _, asked = collected([{who: outcome(who) for who in people}], people)
    found = mean_by_subject(others, asked, seed=0)
    assert found.value == pytest.approx(2 / 3)
    assert found.low < 0.4  # one person of four decides it, so little is known
    assert found.high > 0.95
