"""The choice among a method's settings: few, on held-out sources, by the figure that the plan names, in the JSON."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.settings import SettingError
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.parts.source_fold import source_fold
from facewarden.data.transfer import transfer_protocol
from facewarden.experiments.domain_generalization.settings import plan_of
from facewarden.experiments.domain_generalization.tuning import chosen
from facewarden.verbs.bench import bench
from four_domains import write_domains

PLAN = """
    kind: presentation
    data: {{captures: [{captures}]}}
    seeds: [0, 1]
    scored_epochs: last
    missing: false
    tuning: {{figure: auc, sites: 1, seed: 3}}
    defaults:
      model: {{size: 16, trunk: "vit_tiny_patch16_224:fresh", depth: 1, tiling: batch}}
      training: {{epochs: 1, batch: 8, margin: 1.5, augmentation: {{drop: 0}}}}
    methods:
      # what does not learn and what does: the fold must prefer the second
      tuned: {{entry: vit_concat, label: tuned, training: {{epochs: 6}},
               tune: [{{training: {{rate: 1.0e-9}}}}, {{training: {{rate: 0.003}}}}]}}
      plain: {{entry: vit_concat, label: plain}}
    parts:
      - {{title: Out, methods: [tuned, plain], protocols: [bcd_a], baseline: plain}}
"""


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "data": {"captures": ["x.csv"]},
        "methods": {"a": {"entry": "vit_concat", **changes}},
        "parts": [{"title": "x", "methods": ["a"], "protocols": ["bcd_a"]}],
    }


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("tuning")
    captures = write_domains(folder / "data", subjects=2)
    path = folder / "plan.yaml"
    path.write_text(textwrap.dedent(PLAN).lstrip().format(captures=captures), encoding="utf-8")
    found = bench(str(path), out=folder / "out")
    assert not found.failed
    cells = [json.loads(one.read_text()) for one in (folder / "out").glob("cells/*/done.json")]
    return {one["name"]: one for one in cells}, json.loads((folder / "out" / "summary.json").read_text())


def test_a_fold_of_the_sources_chooses_and_the_json_says_how(ran: tuple[dict[str, Any], dict[str, Any]]) -> None:
    cells, summary = ran
    assert len(cells) == 2 + 2 + 2
    for seed in (0, 1):
        main = cells[f"tuned / bcd_a / seed {seed}"]["result"]
        record = main["tuned"]
        assert record["chosen"] == 1
        assert [one["change"] for one in record["settings"]] == [
            {"training": {"rate": 1e-9}},
            {"training": {"rate": 0.003}},
        ]
        assert record["settings"][1]["auc"] > record["settings"][0]["auc"]
        assert main["log"][-1]["rate"] != cells["tuned / bcd_a / setting 1"]["result"]["log"][-1]["rate"]
        assert "tuned" not in cells[f"plain / bcd_a / seed {seed}"]["result"]
    assert [(one["method"], one["protocol"]) for one in summary["data"]["tuning"]] == [("tuned", "bcd_a")]
    (table,) = [one for one in summary["tables"] if one["title"] == "Settings chosen on a fold of the sources"]
    assert [row[-1] for row in table["rows"]] == ["", "chosen"]
    assert "Nothing of the targets" in table["note"]


def test_the_fold_holds_nothing_of_the_target(ran: tuple[dict[str, Any], dict[str, Any]]) -> None:
    cells, _ = ran
    fold = cells["tuned / bcd_a / setting 1"]["result"]
    assert set(fold["rows"]["test"]["domain"]) == {"cedar"}
    assert set(fold["rows"]["dev"]["domain"]) == {"birch", "dogwood"}
    assert {row[1] for row in fold["audit"]["rows"]} == {"birch", "cedar", "dogwood"}
    assert fold["trained"] == 2 * 2 * 4


def test_more_than_four_settings_are_refused_and_a_wrong_one_has_its_place() -> None:
    rates = [{"training": {"rate": 0.001 * (1 + place)}} for place in range(5)]
    with pytest.raises(SettingError, match=r"methods.a.tune has 5 settings; allowed: 4 at most") as caught:
        plan_of(settings(tune=rates))
    assert caught.value.at == ("methods", "a", "tune")
    assert len(plan_of(settings(tune=rates[:4])).methods["a"].candidates) == 4
    with pytest.raises(SettingError, match="did you mean 'rate'") as caught:
        plan_of(settings(tune=[{"training": {"rat": 1}}]))
    assert caught.value.at[:4] == ("methods", "a", "tune", 0)


def result(bright: float) -> dict[str, Any]:
    """Two sites of two people a class; the scores tell the classes as well as they are bright."""
    rows = {
        "label": [1, 1, 0, 0] * 2, "domain": ["a"] * 4 + ["b"] * 4, "subject": list("abcdefgh"),
        "species": ["bona_fide", "bona_fide", "print_flat", "print_flat"] * 2, "video": list("abcdefgh"),
    }  # fmt: skip
    scores = [bright, bright, 0.4, 0.6] * 2
    held = {"epoch": 1, "dev": scores, "test": scores}
    return {"rows": {"dev": rows, "test": rows}, "scores": {"last_epoch": held}}


@pytest.mark.parametrize("figure", ["auc", "hter"])
def test_the_better_setting_wins_and_the_earlier_of_equal_ones(figure: str) -> None:
    changes = [{"model": {"width": place}} for place in range(4)]
    record = chosen([result(0.0), result(0.9), result(0.9), result(0.5)], changes, figure=figure)
    assert record["chosen"] == 1
    assert record["held_out"] == ["a", "b"]
    assert record["captures"] == 8
    assert record["settings"][0]["change"] == {"model": {"width": 0}}
    assert record["settings"][1] == {"change": {"model": {"width": 1}}, figure: record["settings"][2][figure]}


def test_a_fold_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    splits = transfer_protocol("bcd_a").assign(Manifest.read(write_domains(tmp_path).parent))
    assert len(source_fold(splits, sites=2)["test"]) == 2 * 2 * 4
    with pytest.raises(BadInputError, match="3 of 3 sources cannot be held out"):
        source_fold(splits, sites=3)
