"""The report of a training run, from a made-up log: what it says is in the log, and it stands alone."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.reporting.training import is_training_run, read_training
from facewarden.reporting.training_page import render_training_html, write_training


def line(epoch: int) -> dict[str, float]:
    found: dict[str, float] = {
        "epoch": epoch,
        "steps": 40,
        "rate": 0.001,
        "loss": 3 / epoch,
        "cross_entropy": 0.7 / epoch,
    }
    for place, name in enumerate(MODALITIES):
        found[f"loss/{name}"] = (2.0 - 0.5 * place) * math.exp(-epoch / (6 + 3 * place))
        found[f"fastest/{name}"] = (0.1, 0.2, 0.7)[place]
        found[f"conflict/{name}"] = 0.5 - 0.1 * place
        found[f"prototype_gradient/{name}"] = 1 / (epoch + place)
        found[f"rebalanced_gradient/{name}"] = 0.8 / (epoch + place)
        found[f"base_ratio/{name}"] = 0.01 * (place + 1)
        found[f"faint_base/{name}"] = 0.9 - 0.1 * place
        found[f"gradient/{name}"] = 2 / (epoch + place)
        found[f"certainty/{name}"] = 0.9 - 0.05 * place
        found[f"certainty_spread/{name}"] = 0.01 * (place + 1)
    return {**found, "gradient/shared": 4 / epoch}


def written(folder: Path, *, epochs: int = 12, results: bool = True) -> Path:
    run = folder / "run"
    run.mkdir(parents=True)
    lines = [line(epoch) for epoch in range(1, epochs + 1)]
    (run / "training.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    recipe = {
        "entry": "mmdg", "summary": "A <small> one", "objective": "regrad", "seed": 3, "source": "simulated",
        "protocol": "abc_d", "training": {"epochs": 12},
    }  # fmt: skip
    (run / "recipe.json").write_text(json.dumps(recipe))
    (run / "provenance.json").write_text(json.dumps({"packages": {"torch": "2.13.0"}}))
    if results:
        metric = {
            "name": "eer",
            "value": 0.125,
            "low": 0.1,
            "high": 0.2,
            "n": 64,
            "simulated": True,
            "unit": "",
            "note": "",
        }
        auc = {**metric, "name": "auc", "value": 0.9375}
        found: dict[str, Any] = {
            "simulated": True,
            "all": [metric, auc],
            "by_domain": {"dogwood": [metric]},
            "by_modality": {},
        }
        (folder / "results.json").write_text(json.dumps(found))
    return folder


def test_the_page_says_what_the_log_holds(tmp_path: Path) -> None:
    report = read_training(written(tmp_path / "out"))
    assert report.title == "Training of mmdg"
    assert "12 of 12 epochs" in report.facts
    assert report.simulated
    assert [chapter.name for chapter in report.chapters] == ["loss", "balance", "gradients", "certainty", "results"]
    balance = next(chapter for chapter in report.chapters if chapter.name == "balance")
    first, last = line(1), line(12)
    assert "rgb is ahead" in balance.text
    assert f"{last['loss/rgb']:.3g}" in balance.text
    gap = max(first[f"loss/{n}"] for n in MODALITIES) - min(first[f"loss/{n}"] for n in MODALITIES)
    assert f"narrowed from {gap:.3g}" in balance.text
    speed = balance.figures[0]
    assert [one["name"] for one in speed.data["series"]] == list(MODALITIES)
    assert speed.data["series"][1]["y"] == [line(epoch)["loss/depth"] for epoch in range(1, 13)]
    assert {one["n"] for one in speed.data["series"]} == {40}


def test_the_command_is_the_one_that_made_the_run(tmp_path: Path) -> None:
    folder = written(tmp_path / "out")
    assert read_training(folder).command == "facewarden train RECIPE.json --protocol abc_d --out DIR --seed 3"
    recipe = json.loads((folder / "run" / "recipe.json").read_text())
    (folder / "run" / "recipe.json").write_text(json.dumps({**recipe, "source": "wmca + padisi"}))
    assert "--protocol abc_d --data CAPTURES --out DIR" in read_training(folder).command
    told = "facewarden train mmdg --data wmca:a padisi:b --protocol abc_d --out m --seed 3"
    (folder / "run" / "command.json").write_text(json.dumps({"command": told}))
    assert read_training(folder).command == told


def test_the_page_stands_alone_and_escapes(tmp_path: Path) -> None:
    page = render_training_html(read_training(written(tmp_path / "out")))
    assert "<script" not in page
    assert "A &lt;small&gt; one" in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert len(re.findall(r'id="([^"]+)"', page)) == len(set(re.findall(r'id="([^"]+)"', page)))
    assert "12.5 % (10.0–20.0), n = 64" in page.replace("\u2060", "")
    assert "0.938" in page
    assert page.count("simulated</span>") >= 9
    assert render_training_html(read_training(tmp_path / "out")) == page  # nothing from the clock


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    folder = written(tmp_path / "out", epochs=2, results=False)
    for place in (folder, folder / "run"):
        assert is_training_run(place)
        report = read_training(place)
        assert "2 of 12 epochs" in report.facts
        assert "results" not in [chapter.name for chapter in report.chapters]
    assert write_training(report, tmp_path / "page").is_file()


def test_a_log_without_sensors_shows_its_losses(tmp_path: Path) -> None:
    folder = written(tmp_path / "out", results=False)
    (folder / "run" / "training.jsonl").write_text(
        '{"epoch": 1, "identity_photo": 0.9}\n{"epoch": 2, "identity_photo": 0.5}\n'
    )
    report = read_training(folder)
    assert [chapter.name for chapter in report.chapters] == ["loss"]
    assert "from 0.9 to 0.5" in report.chapters[0].figures[0].alt


def test_markdown_names_its_figures(tmp_path: Path) -> None:
    page = write_training(read_training(written(tmp_path / "out")), tmp_path / "md", markdown=True)
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\]\((training_figures/[^)]+)\)", text)
    assert len(named) == 11
    assert "Bases that are next to nothing" in text
    for name in named:
        drawn = (tmp_path / "md" / name).read_text(encoding="utf-8")
        assert drawn.startswith("<svg xmlns=")
    assert "(simulated)" in text


@pytest.mark.parametrize("text", ["", "{}\n", "[1]\n", "not json\n"])
def test_a_log_that_is_none(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path / "out")
    (folder / "run" / "training.jsonl").write_text(text)
    with pytest.raises(BadInputError, match=r"training\.jsonl"):
        read_training(folder)


def test_a_folder_without_a_log_is_no_run(tmp_path: Path) -> None:
    assert not is_training_run(tmp_path)


def test_only_prototype_losses_are_called_so(tmp_path: Path) -> None:
    folder = written(tmp_path / "out")
    assert "with a prototype loss of" in str(read_training(folder).chapters)
    recipe = json.loads((folder / "run" / "recipe.json").read_text())
    (folder / "run" / "recipe.json").write_text(json.dumps({**recipe, "objective": "cmfl"}))
    text = str(read_training(folder).chapters)
    assert "with a prototype loss of" not in text
    assert "Prototype loss by sensor" not in text
    assert "Loss by sensor" in text
