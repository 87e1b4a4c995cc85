"""The comparison of two commits sees a number, a pixel, a key or a file that differs, and nothing that is listed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golden.same import differ, differences, walk

ONE, TWO = "0123456789abcdef", "fedcba9876543210"


def write(folder: Path, cell: str = ONE) -> Path:
    """A small plan's folder."""
    place = folder / "cells" / cell
    place.mkdir(parents=True)
    (place / "cell.json").write_text(json.dumps({"name": "mmdg / seed 0"}))
    (place / "done.json").write_text(json.dumps({"seconds": len(cell), "result": {"auc": 0.1 + 0.2, "n": [1, 2]}}))
    (folder / "summary.md").write_text("AUC 0.30 (0.1 to 0.5), n = 7")
    (folder / "table.csv").write_text("key,score\na,0.5\n")
    np.savez(folder / f"faces-{cell}.npz", crops=np.arange(6, dtype=np.uint8))
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(folder / "face.png")
    return folder


def test_equal_results_under_other_ids_are_equal(tmp_path: Path) -> None:
    lines, count = differences(write(tmp_path / "a"), write(tmp_path / "b", TWO))
    assert lines == []
    assert count == 9


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def pixel(folder: Path) -> None:
    """Change one value of one pixel by one."""
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[1, 1, 2] = 1
    Image.fromarray(pixels).save(folder / "face.png")


def array(folder: Path) -> None:
    """Keep the values but not their type."""
    np.savez(folder / f"faces-{ONE}.npz", crops=np.arange(6, dtype=np.int16))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (rewrite(f"cells/{ONE}/done.json", "0.30000000000000004", "0.3"), "auc"),
        (rewrite(f"cells/{ONE}/done.json", '"n": [1, 2]', '"n": [1, 2.0]'), "n[1]"),
        (rewrite(f"cells/{ONE}/done.json", '"n"', '"m"'), "m[0]: new"),
        (rewrite("summary.md", "n = 7", "n = 8"), "summary.md"),
        (rewrite("table.csv", "a,0.5", "a,0.50"), "score[0]"),
        (lambda folder: (folder / "table.csv").unlink(), "table.csv: 1 files, now 0"),
        (pixel, "face.png: pixels"),
        (array, "crops"),
    ],
)
def test_every_other_value_is_seen(change: Callable[[Path], Any], named: str, tmp_path: Path) -> None:
    old = write(tmp_path / "a")
    new = Path(shutil.copytree(old, tmp_path / "b"))
    change(new)
    assert named in "\n".join(differences(old, new)[0])


def test_what_is_listed_may_differ(tmp_path: Path) -> None:
    old = write(tmp_path / "a")
    new = Path(shutil.copytree(old, tmp_path / "b"))
    rewrite(f"cells/{ONE}/done.json", '"seconds": 16', '"seconds": 3')(new)
    rewrite("summary.md", "AUC", "area under the curve")(new)
    (new / "provenance.json").write_text("{}")
    assert differences(old, new)[0] == []


def test_the_ends_of_an_interval_may_differ_and_what_it_is_of_may_not() -> None:
    old = {"rate": [0.5, 0.2, 0.8, 10], "text": "EER 35.0 [15.0, 60.0] of 20", "low": 1.0}
    new = {"rate": [0.5, 0.1, 0.9, 10], "text": "EER 35.0 [15.0, 68.9] of 20", "low": 2.0}
    assert compared(old, new) == []
    assert compared(old, {**new, "rate": [0.6, 0.1, 0.9, 10]}) == [".rate[0]"]
    assert compared(old, {**new, "rate": [0.5, 0.1, 0.9, 11]}) == [".rate[3]"]
    assert compared(old, {**new, "text": "EER 35.1 [15.0, 68.9] of 20"}) == [".text"]
    assert compared({"three": [3.0, 1.0, 2.0]}, {"three": [3.0, 1.5, 2.0]}) == [".three[1]"], "no interval"


def compared(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    lines, _ = differ(dict(walk(old)), dict(walk(new)))
    return [line.partition(":")[0] for line in lines]


def metric(name: str, value: float, **group: str) -> dict[str, Any]:
    return {"name": name, "value": value, "n": 10, "group": group}


def test_metrics_are_compared_by_name_and_group_so_that_one_more_moves_no_other() -> None:
    old = [metric("protection_rate", 0.5, judge="a"), metric("protection_rate", 0.25, judge="b")]
    new = [metric("excess", 0.1, recognizer="a"), metric("protection_rate", 0.5, recognizer="a"),
           metric("protection_rate", 0.25, recognizer="b")]  # fmt: skip
    lines, _ = differ(dict(walk({"metrics": old})), dict(walk({"metrics": new})))
    assert lines
    assert all(line.startswith(".metrics[excess ") for line in lines)
    new[1]["value"] = 0.75
    lines, _ = differ(dict(walk({"metrics": old})), dict(walk({"metrics": new})))
    assert any("protection_rate" in line and "0.5, now 0.75" in line for line in lines)


def purified(folder: Path, **more: Any) -> Path:
    """What purify writes of one photo, and the card and the recipe of a run beside it."""
    row = {"file": "a.png", "psnr": 30.5, **more}
    place = folder / "purified"
    place.mkdir(parents=True)
    (place / "purified.csv").write_text(f"{','.join(row)}\n{','.join(map(str, row.values()))}\n")
    (place / "purified.jsonl").write_text(json.dumps(row) + "\n")
    kinds = {"kinds": {"names": ["noise"], "weights": [[0.5, 1.5]], "bias": [0.25]}} if more else {}
    (folder / "card.json").write_text(json.dumps({"settings": {"network": {"gain": 1.0}, **kinds}}))
    (folder / "plan.json").write_text(json.dumps({"kind": "cloaking", "kinds": ["lowkey"]}))
    return folder


def test_the_kind_of_a_cloak_is_new_and_any_other_kind_is_compared(tmp_path: Path) -> None:
    old, new = purified(tmp_path / "a"), purified(tmp_path / "b", kind="tint")
    assert differences(old, new)[0] == []
    assert differences(purified(tmp_path / "c", kind="noise"), new)[0] == [
        "purified/purified.csv: kind[0]: 'noise', now 'tint'", "purified/purified.jsonl: 0.kind: 'noise', now 'tint'",
    ]  # fmt: skip
    (new / "plan.json").write_text(json.dumps({"kind": "presentation", "kinds": ["fawkes"]}))
    assert differences(old, new)[0] == [
        "plan.json: .kind: 'cloaking', now 'presentation'", "plan.json: .kinds[0]: 'lowkey', now 'fawkes'",
    ]  # fmt: skip


def test_a_success_that_is_lost_is_no_change_that_was_meant(tmp_path: Path) -> None:
    for side, success in (("a", [0, 1]), ("b", [1, 0])):
        stages = tmp_path / side / "audit" / "stages"
        stages.mkdir(parents=True)
        (stages / "perturbation-pgd-rgb-8.json").write_text(json.dumps({"success": success}))
    lines, _ = differences(tmp_path / "a", tmp_path / "b")
    assert lines == ["audit/stages/perturbation-pgd-rgb-8.json: .success[1]: 1, now 0"]
