"""Intervals of the pages of results are of the method in use, or the page says that they are not."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facewarden.metrics.intervals import count_interval
from facewarden.metrics.shares import unseen_share

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
OF_EQUAL_PROBES = ("cloaking", "cloaking_more", "cloaking_main", "cloaking_orl", "cloaking_london")
EARLIER = "of version 0.1"


def told(name: str) -> Any:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", OF_EQUAL_PROBES)
def test_rates_of_cloaking_follow_from_the_stored_misses(name: str) -> None:
    for cell in told(f"{name}/summary.json")["data"]["cells"][::17]:
        people = cell["attackers"]
        probes = np.full(people, cell["protection"]["n"] / people)
        for rates, stored in ((cell["hidden"], cell["protection"]), (cell["missed"], cell["natural_error"])):
            found = count_interval((np.array(rates) * probes).round(), probes)
            assert (stored["value"], stored["low"], stored["high"]) == pytest.approx(
                (found.value, found.low, found.high)
            )
            assert stored["method"] == found.method


def test_figures_of_verification_are_no_narrower_than_people_not_seen_allow() -> None:
    for result in told("verification.json")["results"]:
        people = min(result["people"], 1477)  # so many people of LFW's list have a genuine pair
        summary = result["summary"]
        for one in [summary["eer"], *(rate for _, rate in summary["tar"]), summary["accuracy"]]:
            if one is not None:
                unseen = unseen_share(one["n"], people)
                assert one["low"] <= one["value"] * (1 - unseen) + 1e-12
                assert one["high"] >= one["value"] + unseen * (1 - one["value"]) - 1e-12


def test_where_earlier_intervals_stand_the_page_says_so() -> None:
    for file in sorted(RESULTS.rglob("*.json")):
        text = file.read_text(encoding="utf-8")
        if "wilson over subjects" in text or "bootstrap by subject, Wilson" in text:
            page = file.with_suffix(".md") if file.name == "summary.json" else RESULTS / "README.md"
            assert EARLIER in page.read_text(encoding="utf-8"), file


def test_intervals_that_are_computed_again_stay_as_they_are(tmp_path: Path) -> None:
    again = runpy.run_path(str(ROOT / "benchmarks" / "intervals_again.py"))
    shutil.copy(RESULTS / "verification.json", tmp_path)
    shutil.copytree(RESULTS / "cloaking_orl", tmp_path / "cloaking_orl")
    moves = again["Moves"]()
    again["verification"](tmp_path / "verification.json", moves)
    again["plan"](tmp_path / "cloaking_orl", moves)
    for name in ("verification.json", "cloaking_orl/summary.json", "cloaking_orl/summary.md"):
        assert (tmp_path / name).read_bytes() == (RESULTS / name).read_bytes(), name


def test_compared_ablations_are_those_of_the_stored_cells() -> None:
    comparison = runpy.run_path(str(ROOT / "benchmarks" / "cloaking_compared.py"))
    cells = comparison["cells_of"](RESULTS)
    for row in told("cloaking_compared.json")["rows"][::9]:
        first, second = (cells[row["cloak"], row[place], row["recognizer"]] for place in ("first", "second"))
        assert comparison["compared"](first, second) == row


def test_blind_labels_count_as_the_page_says() -> None:
    stored = told("blind_labels.json")
    found = runpy.run_path(str(ROOT / "benchmarks" / "blind_labels.py"))["counted"](stored["labels"])
    assert found["all"] == pytest.approx(stored["all"])
    assert found["auc"] == pytest.approx(stored["auc"])
    assert found["by_group"].keys() == stored["by_group"].keys()
    for group, share in found["by_group"].items():
        assert share == pytest.approx(stored["by_group"][group]), group
