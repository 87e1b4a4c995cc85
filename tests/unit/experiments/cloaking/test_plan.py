"""The cloaking grid as a plan: cells, summary, verdicts, and what must never be pooled."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cloaking_plans import settings
from facewarden.cli import main
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_purifier
from facewarden.core.roles import Purifier
from facewarden.core.settings import SettingError
from facewarden.evaluation.transfer_matrix import names_of
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import identity_of
from facewarden.experiments.cloaking.cost_tables import cost_sentences, cost_table
from facewarden.experiments.cloaking.figures import budget_figure
from facewarden.experiments.cloaking.headlines import headline_sentences, headline_table, headlines
from facewarden.experiments.cloaking.measure import CloakingResult
from facewarden.experiments.cloaking.population import load_crowd
from facewarden.experiments.cloaking.purifier_cost import _speed
from facewarden.experiments.cloaking.recognizer_kinds import RecognizerKind
from facewarden.experiments.cloaking.results_grid import CloakingGrid
from facewarden.experiments.cloaking.tables import UPPER_HALF, Goal, cells_table, goal_table
from facewarden.experiments.engine.kind import CellResult, PlanCell
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.experiments.engine.summary import render_markdown
from facewarden.experiments.plans.cloaking import Cloaking, entry
from facewarden.metrics.intervals import Interval, count_interval
from facewarden.metrics.shares import unseen_share


def test_a_plan_from_photos_to_a_page(photos: Path, tmp_path: Path) -> None:
    kind, plan, root = entry(), settings(photos), tmp_path / "run"
    kind.prepare(plan, root=root)
    cells = kind.cells(plan, root=root)
    assert len(cells) == 2 * 3 + 1
    assert str(tmp_path / "run") not in json.dumps([cell.settings for cell in cells])
    results = []
    for number, cell in enumerate(cells):
        folder = root / "cells" / str(number)
        results.append(CellResult(cell, json.loads(json.dumps(kind.run(cell, folder=folder), allow_nan=False))))
    again = kind.run(cells[0], folder=root / "cells" / "0")
    assert again == results[0].value
    summary = kind.summarize(plan, results)
    page = render_markdown(summary, command="facewarden bench PLAN.yaml")
    assert "main" in page
    assert "counts for nothing" in page
    assert str(photos) not in page
    assert [figure.kind for figure in summary.figures] == ["interval_dots", "curves", "curves"]
    assert ["recognizer one" in figure.title for figure in summary.figures[1:]] == [True, False]
    assert "recognizer three" in summary.figures[2].title
    one = next(cell for cell in summary.data["cells"] if (cell["cloak"], cell["purifier"]) == ("strong", "none"))
    assert (one["kind"], one["recognizer"], one["protection"]["value"]) == ("surrogate", "one", 1.0)
    cost = summary.data["costs"]["fine"]
    assert cost["images_per_second"] > 0
    assert 20 < cost["psnr"] < 60
    assert cost["recognizers"]["one"]["rank1"]["before"] == 1.0
    assert cost["recognizers"]["one"]["before"]["eer"][0] == 0.0


ONE = {"attack": "pgd", "level": 8, "surrogates": ["one"]}
TABLE = {"title": "t", "cloaks": ["strong"], "purifiers": ["none"], "trackers": ["nearest"]}


@pytest.mark.parametrize(
    ("changes", "message", "at"),
    [
        ({"tables": [{**TABLE, "cloaks": ["stronk"]}]}, "did you mean 'strong'", ("tables", 0, "cloaks", 0)),
        ({"tables": [TABLE, {**TABLE, "purifiers": ["non"]}]}, "did you mean 'none'", ("tables", 1, "purifiers", 0)),
        ({"tables": [{**TABLE, "trackers": ["far"]}]}, 'trackers[0] is "far"; allowed: nearest, linear, end_to_end',
         ("tables", 0, "trackers", 0)),
        ({"tables": [{**TABLE, "probe": "raw"}]}, "did you mean 'probes'", ("tables", 0, "probe")),
        ({"tables": [{**TABLE, "probes": "wet"}]}, "allowed: raw or purified", ("tables", 0, "probes")),
        ({"tables": [{**TABLE, "users": 0}]}, "tables[0].users is 0", ("tables", 0, "users")),
        ({"tables": [{**TABLE, "tuning": {"group": 2}}]}, "did you mean 'groups'", ("tables", 0, "tuning", "group")),
        ({"tables": [{**TABLE, "tuning": {"rate": 0}}]}, "tuning.rate is 0; allowed: a number above 0",
         ("tables", 0, "tuning", "rate")),
        ({"tables": [{**TABLE, "title": 3}]}, "tables[0].title is 3; allowed: text", ("tables", 0, "title")),
        ({"tables": []}, "tables is []", ("tables",)),
        ({"cloaks": {"strong": {**ONE, "level": "very"}}}, "no strength", ("cloaks", "strong")),
        ({"cloaks": {"strong": {**ONE, "level": [8]}}}, "cloaks.strong.level is [8]", ("cloaks", "strong", "level")),
        ({"cloaks": {"strong": {"attack": "pgd", "level": 8}}}, "cloaks.strong.surrogates is missing",
         ("cloaks", "strong", "surrogates")),
        ({"cloaks": {"strong": {**ONE, "surrogates": ["one", "one"]}}}, "allowed: different recognizers",
         ("cloaks", "strong", "surrogates")),
        ({"cloaks": {"strong": {**ONE, "attack": "pgdd"}}}, "no attack 'pgdd'", ("cloaks", "strong")),
        ({"cloaks": {"strong": {**ONE, "settings": {"step": 3}}}}, "did you mean 'steps'",
         ("cloaks", "strong", "settings", "step")),
        ({"cloaks": {"strong": {**ONE, "seed": -1}}}, "cloaks.strong.seed is -1", ("cloaks", "strong", "seed")),
        ({"cloaks": {"strong": {**ONE, "serrogates": []}}}, "did you mean 'surrogates'",
         ("cloaks", "strong", "serrogates")),
        ({"purifiers": {"coarse": "gone", "fine": "jpeg"}}, "gone", ("purifiers", "coarse")),
        ({"purifiers": {"coarse": 3}}, "purifiers.coarse is 3; allowed: text", ("purifiers", "coarse")),
        ({"cost": ["nothing"]}, 'cost[0] is "nothing"; allowed: none, coarse, fine', ("cost", 0)),
        ({"goals": [{"cloak": "strong", "recognizers": ["one"], "at_most": 7}]},
         "goals[0].at_most is 7; allowed: a number from 0 to 1", ("goals", 0, "at_most")),
        ({"goals": [{"cloak": "x", "recognizers": ["one"], "at_most": 0}]},
         'goals[0].cloak is "x"', ("goals", 0, "cloak")),
        ({"headline": [{"title": "h", "cloaks": ["strong"], "trackers": ["nearest"]}]}, "at_most is missing",
         ("headline", 0, "at_most")),
        ({"candidate": "best"}, 'candidate is "best"', ("candidate",)),
        ({"photos": 1}, "photos is 1; allowed: a whole number from 2", ("photos",)),
        ({"skip_missing": "yes"}, 'skip_missing is "yes"; allowed: true or false', ("skip_missing",)),
        ({"sets": "x"}, "did you mean 'set'", ("sets",)),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named(
    photos: Path, changes: dict[str, Any], message: str, at: tuple[str | int, ...]
) -> None:
    with pytest.raises(SettingError) as raised:
        entry().cells({**settings(photos), **changes}, root=photos)
    assert message in raised.value.message
    assert raised.value.at == at


def test_a_plan_in_the_words_of_0_1_gives_the_same_cells_and_is_told_todays(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new = {"kind": "cloaking", **settings(photos, skip_people=1)}
    new["tables"][0] |= {"recognizers": ["one"], "skip_people": 0}
    new["headline"][0]["recognizers"] = ["one"]
    text = json.dumps(new, indent=1)  # JSON is YAML, and a line a setting
    (tmp_path / "new.yaml").write_text(text)
    (tmp_path / "old.yaml").write_text(text.replace('"recognizers"', '"judges"').replace("skip_people", "passed_over"))
    read, old = read_plan(str(tmp_path / "new.yaml")), read_plan(str(tmp_path / "old.yaml"))
    assert old.settings == read.settings
    assert old.lines == read.lines
    keys = [[cell.key("cloaking") for cell in Cloaking().cells(one.settings, root=photos)] for one in (read, old)]
    assert keys[0] == keys[1]
    line = next(number for number, line in enumerate(text.splitlines(), start=1) if line.startswith(' "recognizers"'))
    assert f"old.yaml:{line}: judges is spelled recognizers now" in caplog.text
    for place in ("tables[0].judges", "goals[1].judges", "headline[0].judges"):
        assert f"{place} is spelled {place.replace('judges', 'recognizers')} now" in caplog.text
    assert "tables[0].passed_over is spelled tables[0].skip_people now" in caplog.text
    assert "new.yaml" not in caplog.text


def test_a_plan_like_one_of_today_may_use_an_old_word(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("like: cloaking_orl\njudges: [faceres]\n")
    assert read_plan(str(tmp_path / "own.yaml")).settings["recognizers"] == ["faceres"]
    assert "judges" not in read_plan(str(tmp_path / "own.yaml")).settings


def test_cells_that_0_1_measured_are_summarized(photos: Path) -> None:
    def of_0_1(values: dict[str, Any]) -> dict[str, Any]:
        old_names = {"recognizer": "judge", "recognizers": "judges"}
        return {old_names.get(name, name): value for name, value in values.items()}

    plan = settings(photos)
    one = {"pairs": 3, "rank1": {"before": 1.0, "after": 0.9}}
    one |= {name: {"eer": [0.1, 0.0, 0.2]} for name in ("before", "gallery", "both")}
    cost = {"images_per_second": 10.0, "psnr": 40.0, "ssim": 0.9, "recognizers": {"one": one}}
    cells = [cell(1.0, cloak="strong", recognizer="one"), cell(0.2, "coarse", "one", cloak="strong")]

    def summary(spelled: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
        main = PlanCell("main", {"table": "main", "judges": ["one"]})
        results = [
            CellResult(main, {"cells": [spelled(one.as_json()) for one in cells]}),
            CellResult(PlanCell("cost", {"cost": ["fine"]}), {"cost": spelled(cost)}),
        ]
        return render_markdown(Cloaking().summarize(plan, results), command="facewarden bench PLAN.yaml")

    assert summary(of_0_1) == summary(dict)
    assert "one-photo rank-1 % one" in summary(of_0_1)


def test_missing_weights_are_left_out_where_the_plan_says_so(photos: Path) -> None:
    plan = settings(photos, skip_missing=True)
    plan["purifiers"]["later"] = "no_such_purifier"
    plan["tables"][0]["purifiers"].append("later")
    plan["cloaks"]["planned"] = {**plan["cloaks"]["strong"], "through": ["no_such_purifier"]}
    plan["tables"][0]["cloaks"].append("planned")
    cells = entry().cells(plan, root=photos)
    assert not any("later" in cell.name or "planned" in cell.name for cell in cells)
    assert len(cells) == 2 * 3 + 1
    assert any("later" in sentence for sentence in entry().summarize(plan, []).sentences)
    plan["purifiers"]["unused"] = "no_such_purifier"
    assert not any("unused" in sentence for sentence in entry().summarize(plan, []).sentences)


def test_a_purifier_with_settings() -> None:
    assert resolve_purifier('jpeg{"quality": 30}').card.settings["quality"] == 30
    assert resolve_purifier("jpeg").card.settings["quality"] == 75
    assert resolve_purifier('gaussian_blur{"sigma": 1}').card.settings["sigma"] == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('jpeg{"quality": 30', "no JSON"),
        ('jpeg{"strength": 30}', "no setting 'strength'"),
        ('jpeg{"quality": 30.5}', "quality is 30.5; allowed: a whole number"),
        ('jpeg{"quality": "x"}', 'quality is "x"; allowed: a whole number'),
        ('jpeg{"quality": true}', "allowed: a whole number"),
        ('median{"size": 2.5}', "allowed: a whole number"),
        ('gaussian_noise{"seed": "x"}', "allowed: a whole number"),
        ('bilateral{"radius": 2.5}', "allowed: a whole number"),
        ('jpeg:5{"quality": 30}', "takes no path"),
    ],
)
def test_a_setting_that_cannot_be_says_so(wrong: str, said: str) -> None:
    with pytest.raises(BadInputError) as refused:
        resolve_purifier(wrong)
    assert said in str(refused.value)


def test_settings_without_end_are_refused() -> None:
    with pytest.raises(BadInputError) as refused:
        resolve_purifier('jpeg{"quality": ' + "[" * 20_000)
    assert "nested without end, the limit is 64 levels" in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_trained_folder_takes_settings_and_may_have_braces_in_its_name(tmp_path: Path) -> None:
    shipped = Path(str(resources.files("facewarden"))) / "weights" / "puface"
    shutil.copytree(shipped, tmp_path / "mine{1}")
    shutil.copytree(shipped, tmp_path / "mine")
    for spec in (f"{tmp_path}/mine{{1}}", f"puface:{tmp_path}/mine{{1}}"):
        assert identity_of(resolve_purifier(spec)) == identity_of(resolve_purifier("puface"))
    for spec in (f"{tmp_path}/mine", f"puface:{tmp_path}/mine"):
        fast = resolve_purifier(spec + '{"precision": "bfloat16"}')
        assert fast.card.settings["precision"] == "bfloat16"


def test_commas_of_settings_part_no_names() -> None:
    assert names_of('jpeg,bilateral{"radius": 2, "sigma_color": 0.1},median', flag="--through") == (
        "jpeg", 'bilateral{"radius": 2, "sigma_color": 0.1}', "median",
    )  # fmt: skip


@pytest.mark.usefixtures("bfloat16_everywhere")
def test_a_precision_is_a_setting_that_another_result_says() -> None:
    fast, exact = resolve_purifier('puface{"precision": "bfloat16"}'), resolve_purifier("puface")
    assert identity_of(fast) != identity_of(exact)
    assert identity_of(exact) == identity_of(resolve_purifier('puface{"precision": "float32"}'))
    face = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    apart = (fast(face) - exact(face)).abs()
    assert 0 < float(apart.mean()) < 1 / 255
    with pytest.raises(BadInputError, match="precision"):
        resolve_purifier('puface{"precision": "half"}')


def cell(
    rate: float, purifier: str = "none", recognizer: str = "f", kind: RecognizerKind = "surrogate", **changes: Any
) -> CloakingResult:
    found = Interval(rate, max(0.0, rate - 0.1), min(1.0, rate + 0.1), 100, "bootstrap by subject")
    plain = CloakingResult(
        "c",
        ("f",),
        purifier,
        (),
        "nearest",
        recognizer,
        kind,
        "raw",
        (0,),
        found,
        found,
        rate,
        found,
        2,
        (rate, rate),
        (0.0, 0.0),
    )
    return replace(plain, **changes)


def test_headlines_keep_kinds_apart_and_leave_out_loss_networks_and_weak_cloaks() -> None:
    cells = [
        cell(1.0), cell(0.5, "p"), cell(0.9, "b"),
        cell(0.8, recognizer="s", kind="unseen_network"), cell(0.2, "p", "s", "unseen_network"),
        cell(0.5, "b", "s", "unseen_network"),
        cell(0.9, recognizer="g", kind="unseen_family"), cell(0.0, "p", "g", "unseen_family", loss_networks=("g",)),
        cell(0.1, recognizer="h", kind="unseen_family"), cell(0.0, "p", "h", "unseen_family"),
    ]  # fmt: skip
    found = headlines(
        CloakingGrid({"t": cells}),
        purifiers=["none", "p", "b"],
        cloaks=["c"],
        trackers=["nearest"],
        candidate="p",
        recognizers="fsgh",
    )
    assert found.rates["p", "surrogate"].value == pytest.approx(0.5)
    assert found.rates["b", "unseen_network"].value == pytest.approx(0.5)
    assert not [key for key in found.rates if key[1] == "unseen_family"]  # a loss network, and a cloak of 10 %
    said = headline_sentences(found, candidate="p", baselines=["b"], limit=0.3)
    # two attackers tell little: neither goal is reached nor missed, whatever the point values are
    assert "≤ 30 %: not shown" in said[0]
    assert "+40.0 (" in said[0]
    assert "points above p (5 wanted: not shown)" in said[0]
    assert "≤ 30 %: not shown" in said[1]
    assert "no cell" in said[2]


def test_only_the_recognizers_of_the_plan_make_a_headline() -> None:
    cells = [
        cell(1.0), cell(0.2, "p"),
        cell(0.9, recognizer="f adapted"), cell(0.0, "p", "f adapted"),  # a rival's recognizer, not a tracker's
        cell(0.8, recognizer="far", kind="unseen_family"), cell(0.4, "p", "far", "unseen_family"),
    ]  # fmt: skip
    named = {"purifiers": ["none", "p"], "cloaks": ["c"], "trackers": ["nearest"], "candidate": "p"}
    own = headlines(CloakingGrid({"t": cells}), **named, recognizers=["f"])  # type: ignore[arg-type]
    assert own.rates["p", "surrogate"].value == pytest.approx(0.2)
    assert (own.cells["surrogate"], own.cells["unseen_family"]) == (1, 0)
    more = headlines(CloakingGrid({"t": cells}), **named, recognizers=["f", "far"])  # type: ignore[arg-type]
    assert more.rates["p", "unseen_family"].value == pytest.approx(0.4)
    assert more.rates["p", "surrogate"] == own.rates["p", "surrogate"]


def test_the_summary_pools_no_adapted_recognizer(photos: Path) -> None:
    plan = settings(photos)
    plan["headline"] = [{**plan["headline"][0], "cloaks": ["strong"]}]
    plan["tables"].append({**plan["tables"][0], "title": "rivals", "recognizers": ["two"]})
    measured = {
        "main": [cell(1.0, cloak="strong", recognizer="one"), cell(0.2, "coarse", "one", cloak="strong")],
        "rivals": [
            cell(0.9, cloak="strong", recognizer="one adapted"),
            cell(0.0, "coarse", "one adapted", cloak="strong"),
        ],
    }
    recognizers = {"main": ["one"], "rivals": ["an adapted one"]}
    results = [
        CellResult(PlanCell(title, {"table": title, "judges": recognizers[title]}), {"cells": [one.as_json()]})
        for title, cells in measured.items()
        for one in cells
    ]
    said = entry().summarize(plan, results).sentences[0]
    assert "(1 cells)" in said
    assert "20.0" in said


def test_a_purifier_that_lacks_cells_gets_no_headline() -> None:
    cells = [cell(1.0), cell(0.5, "p"), cell(1.0, recognizer="g"), cell(0.1, "p", "g"), cell(0.0, "b")]
    found = headlines(
        CloakingGrid({"t": cells}),
        purifiers=["none", "p", "b"],
        cloaks=["c"],
        trackers=["nearest"],
        candidate="p",
        recognizers="fsgh",
    )
    assert set(found.rates) == {("none", "surrogate"), ("p", "surrogate")}


def test_fewer_attackers_and_absent_baselines_are_said() -> None:
    longer = {"missed": (0.0,) * 4, "attackers": 4, "seeds": (0, 1)}
    cells = [
        cell(1.0, **longer, hidden=(1.0,) * 4), cell(0.2, "p", **longer, hidden=(0.4, 0.0, 0.4, 0.0)),
        cell(0.5, "b", **longer, hidden=(0.5,) * 4), cell(0.3, "absent", **longer, hidden=(0.3,) * 4),
        cell(1.0, tracker="end_to_end"), cell(0.4, "p", tracker="end_to_end", hidden=(0.8, 0.0)),
        cell(0.7, "b", tracker="end_to_end"),
    ]  # fmt: skip
    trackers = ["nearest", "end_to_end"]
    found = headlines(
        CloakingGrid({"t": cells}),
        purifiers=["none", "p", "b", "absent"],
        cloaks=["c"],
        trackers=trackers,
        candidate="p",
        recognizers=["f"],
    )
    ours = found.rates["p", "surrogate"]
    assert ours.value == pytest.approx(0.3)
    # the two people whom all cells have, 25 probes of one cell and 50 of the other: no errors of theirs, and the rest
    nobody = unseen_share(2 * (25 + 50), 2)
    assert (ours.low, ours.high) == pytest.approx((0.0, 0.3 + 0.7 * nobody), abs=1e-6)
    note = headline_table("h", found, purifiers=["none", "p", "b"], limit=0.1, candidate="p").note
    assert "nearest: 4 attackers one at a time, splits by seeds 0, 1." in note
    assert "end_to_end: 2 attackers one at a time, splits by seeds 0." in note
    assert UPPER_HALF in note
    said = headline_sentences(found, candidate="p", baselines=["b", "absent"], limit=0.1)[0]
    assert "The only baseline: b" in said
    assert "lack some of these cells: absent." in said
    assert UPPER_HALF in cells_table("t", cells, CloakingGrid({"t": cells})).note
    assert UPPER_HALF not in cells_table("t", cells[:4], CloakingGrid({"t": cells})).note


def test_a_mean_over_cells_is_no_less_certain_than_its_cells() -> None:
    bounds = count_interval(np.zeros(40), np.full(40, 9))
    nobody = {"attackers": 40, "hidden": (0.0,) * 40, "missed": (0.0,) * 40, "protection": bounds}
    cells = [cell(1.0), cell(1.0, recognizer="g"), cell(0.0, "p", **nobody), cell(0.0, "p", "g", **nobody)]
    grid = CloakingGrid({"t": cells})
    assert grid.headline(cells[2:3]).high == pytest.approx(bounds.high)
    assert 0.03 < grid.headline(cells[2:]).high < bounds.high
    excess = cells_table("t", cells[2:3], grid).rows[0][10]
    assert excess == f"+0.0 (-{100 * bounds.high:.1f} to +{100 * bounds.high:.1f})"


def test_the_plans_of_the_people_have_rivals_wherever_they_name_a_best_one() -> None:
    plan, more = read_plan("cloaking_lfw").settings, read_plan("cloaking_lfw_more").settings
    named = {tracker for one in plan["headline"] for tracker in one["trackers"]}
    assert named == {"nearest", "linear"}
    assert {tracker for one in more["headline"] for tracker in one["trackers"]} == {*named, "end_to_end"}
    (table,) = [one for one in more["tables"] if one["trackers"] == ["end_to_end"]]
    assert {"JPEG 30", "Gaussian 2", "same network on noise"} <= set(table["purifiers"])
    unmet = [one for one in plan["headline"] if one["cloaks"] == ["LowKey 8 on S"]]
    assert [one["trackers"] for one in unmet] == [["nearest", "linear"]]


def test_the_cost_shows_the_intervals_that_were_measured() -> None:
    one = {"pairs": 9, "rank1": {"before": 1.0, "after": 0.5}, "before": {"eer": [0.01, 0.001, 0.02]}}
    one |= {"gallery": {"eer": [0.03, 0.002, 0.04]}, "both": {"eer": [0.05, 0.003, 0.06]}}
    table = cost_table({"p": {"images_per_second": 10.0, "psnr": 40.0, "ssim": 0.9, "recognizers": {"f": one}}})
    assert table.rows[0][4] == "1.00 (0.10–2.00) → 3.00 (0.20–4.00), both 5.00 (0.30–6.00)"


def test_speed_counts_no_time_that_others_take(photos: Path, tmp_path: Path) -> None:
    threads: set[int] = set()

    class Sleeps(Purifier):
        card = Card("sleeps", "waits for its turn", "purifier")

        def purify(self, images: Tensor) -> Tensor:
            threads.add(torch.get_num_threads())
            time.sleep(0.05)
            return images

    crowd = load_crowd(
        str(photos), people=4, photos=2, distractors=0, store=Store(tmp_path / "crops"), aligner="precropped"
    )
    before = torch.get_num_threads()
    assert _speed(ExperimentCache(crowd, tmp_path, purifier=lambda name: Sleeps()), "sleeps") > 4 * 8 / 0.05
    assert threads == {1}
    assert torch.get_num_threads() == before


def test_goals_say_what_is() -> None:
    cells = [
        cell(1.0),
        cell(0.05, "p"),
        cell(0.6, "b"),
        cell(0.7, "b2"),
        cell(0.1, recognizer="s"),
        cell(0.05, "p", "s"),
    ]
    cells += [cell(1.0, recognizer="l"), cell(0.0, "p", "l", loss_networks=("l",))]
    table = goal_table(
        CloakingGrid({"t": cells}), [Goal("c", ("f", "s", "l", "absent"), 0.16)], candidate="p", baselines=["b", "b2"]
    )
    # 5 % (0 to 15) is within 16 % as a whole
    assert [row[-1] for row in table.rows] == [
        "reached",
        "reached (counts for nothing)",
        "the loss network: no evidence",
    ]
    assert table.rows[0][4].endswith(" b")
    for limit, word in ((0.14, "not shown"), (0.0, "not shown"), (-0.01, "missed")):
        table = goal_table(CloakingGrid({"t": cells}), [Goal("c", ("f",), limit)], candidate="p", baselines=[])
        assert table.rows[0][-1] == word


def test_the_price_is_that_of_the_worst_recognizer() -> None:
    def price(rank: float, eer: float) -> dict[str, Any]:
        side = {"eer": [eer, 0.0, 1.0]}
        return {"rank1": {"before": 0.98, "after": rank}, "before": {"eer": [0.01, 0.0, 1.0]}, "gallery": side}

    kept = Interval(0.98, 0.9, 1.0, 10, "bootstrap by subject")
    cells = [cell(1.0, normal_accuracy=Interval(0.99, 0.9, 1.0, 10, "")), cell(0.0, "p", normal_accuracy=kept)]
    costs = {"p": {"recognizers": {"f": price(0.975, 0.011), "s": price(0.979, 0.014)}}}
    said = cost_sentences(CloakingGrid({"t": cells}), costs, candidate="p")
    assert "falls by 1.00 (-8.22 to 9.06) points, limit 0.5: not shown" in said[0]
    assert "falls by 0.50 points, limit 1: reached, by the number alone" in said[1]
    assert "rises by 0.40 (" in said[2]
    assert said[2].endswith("limit 0.3: not shown.")
    assert cost_sentences(CloakingGrid({}), {}, candidate="p") == ()


def test_success_against_budget_needs_two_budgets() -> None:
    cells = [cell(0.2, cloak="four"), cell(0.9, cloak="eight")]
    figure = budget_figure(CloakingGrid({"t": cells}), {"four": 4.0, "eight": 8.0}, purifiers=["none"], recognizer="f")
    assert figure is not None
    assert figure.data["series"][0]["x"] == [4.0, 8.0]
    assert figure.data["series"][0]["y"] == [0.2, 0.9]
    assert budget_figure(CloakingGrid({"t": cells}), {"four": 4.0}, purifiers=["none"], recognizer="f") is None


def test_the_verb_measures_a_small_grid(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the recognizers of the fixture are in no registry, which the command line asks before anything is imported
    monkeypatch.setattr("facewarden.cli.evaluate.cloaking.check_recognizers", lambda names: None)
    arguments = ["evaluate", "cloaking", "--dataset", str(photos), "--aligner", "precropped", "--cloak", "pgd:12"]
    arguments += ["--surrogate", "one", "--recognizer", "one", "three", "--users", "2", "--run", str(tmp_path / "kept")]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "cloaking.json").read_text())
    assert str(photos) not in json.dumps(found)
    cells = {(one["purifier"], one["recognizer"]): one for one in found["cells"]}
    assert set(cells) == {(p, j) for p in ("identity", "jpeg") for j in ("one", "three")}
    assert cells["identity", "one"]["protection"]["value"] == 1.0
    assert main([*arguments, "--tracker", "far"]) != 0
    assert main(["evaluate", "cloaking", "--dataset", str(photos), "--cloak", "pgd"]) != 0
    assert main(["evaluate", "cloaking"]) != 0
