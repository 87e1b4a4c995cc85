"""What the fuzz corpus found, one test for each kind; all of them failed before it was mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError, LeakError, UnknownEntryError
from facewarden.data.check import check
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.training.recipe import read_recipe
from facewarden.verbs.bench import bench, checked_cells
from facewarden.verbs.report import report

RULE = {
    "threshold": 1.0,
    "policy": "eer",
    "split": "dev",
    "source": "x",
    "n_bona_fide": 9,
    "n_attack": 9,
    "oracle": False,
}


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_key_that_json_gives_twice_loses_no_value(tmp_path: Path) -> None:
    card = written(tmp_path, "a.json", '{"name": "x", "summary": "y", "role": "pad", "name": "z"}')
    with pytest.raises(BadInputError, match=r"a\.json.*'name' is given twice"):
        Card.read(card)
    recipe = written(tmp_path, "b.json", '{"like": "multitask", "training": {"seed": 1, "seed": 2}}')
    with pytest.raises(BadInputError, match=r"b\.json.*'seed' is given twice"):
        read_recipe(str(recipe))


@pytest.mark.parametrize(
    "change",
    [{"split": "nowhere"}, {"n_attack": 0}, {"policy": 5}, {"n_attack": 9.5}, {"oracle": "no"}, {"threshold": None}],
)
def test_a_decision_rule_that_cannot_be_used_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = written(tmp_path, "rule.json", json.dumps(RULE | change))
    with pytest.raises(BadInputError, match=r"rule\.json"):
        DecisionRule.read(path)


def test_a_decision_rule_of_test_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(LeakError, match=r"rule\.json"):
        DecisionRule.read(written(tmp_path, "rule.json", json.dumps(RULE | {"split": "test"})))


def test_a_report_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for text in ("[]", "{", '{"schema": 99}'):
        with pytest.raises(BadInputError, match=r"given\.json"):
            report(written(tmp_path, "given.json", text))


def test_a_plan_of_no_kind_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "given.yaml", "# a plan\nkind: nothing\n")
    with pytest.raises(UnknownEntryError, match=r"given\.yaml:2: "):
        bench(path, out=tmp_path / "run")
    with pytest.raises(UnknownEntryError, match=r"given\.yaml:2: "):
        checked_cells(read_plan(str(path)), root=tmp_path / "run")


def test_a_photo_that_is_named_like_an_array_is_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "person" / "a.npz#b.png"
    path.parent.mkdir()
    Image.new("RGB", (40, 40), (200, 90, 60)).save(path)
    assert check(tmp_path).ok
