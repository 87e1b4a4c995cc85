"""Plans: stable ids, resuming after kill -9, several processes, cells that fail, files that say what is wrong."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from facewarden.core.compute.computing import computing
from facewarden.core.errors import BadInputError, ContractError, UnknownEntryError
from facewarden.core.guards.lock import LOCK
from facewarden.experiments.engine.executor import cell_keys, run_cells
from facewarden.experiments.engine.kind import PlanCell
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.verbs.bench import BenchResult, bench, run_plan
from stand_in_kind import Draws

TESTS = Path(__file__).resolve().parents[3]


def plan(folder: Path, text: str) -> Path:
    path = folder / "draws.yaml"
    path.write_text("kind: draws\n" + textwrap.dedent(text))
    return path


def go(path: Path, out: Path, *, resume: bool = False, workers: int = 1) -> BenchResult:
    return run_plan(read_plan(str(path)), Draws(), out=out, resume=resume, workers=workers)


def calls(out: Path) -> list[str]:
    return sorted((out / "calls.txt").read_text().splitlines())


def summary(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return found


def test_an_id_depends_on_kind_and_settings_only() -> None:
    one, same = PlanCell("a", {"x": 1, "y": [1, 2]}), PlanCell("b", {"y": (1, 2), "x": 1}, needs=("c",))
    assert one.key("k") == same.key("k")
    assert one.key("k") == "89ee1ad2162e4456"  # a run of last year must still be found
    assert len({one.key("k"), one.key("l"), PlanCell("a", {"x": 2, "y": [1, 2]}).key("k")}) == 3


def test_settings_that_are_not_json_are_refused() -> None:
    with pytest.raises(ContractError, match="not JSON"):
        PlanCell("a", {"x": float("nan")})


def test_resuming_runs_nothing_twice_and_a_plan_may_grow(tmp_path: Path) -> None:
    out = tmp_path / "out"
    go(plan(tmp_path, "seeds: [0, 1]"), out)
    first = (out / "summary.json").read_bytes()
    with pytest.raises(BadInputError, match="holds a run already"):
        go(plan(tmp_path, "seeds: [0, 1]"), out)
    go(plan(tmp_path, "seeds: [0, 1]"), out, resume=True)
    assert (out / "summary.json").read_bytes() == first
    go(plan(tmp_path, "seeds: [2, 1, 0]"), out, resume=True)
    assert calls(out) == ["seed 0", "seed 1", "seed 2"]
    assert [row[0] for row in summary(out)["tables"][0]["rows"]] == ["seed 2", "seed 1", "seed 0"]


def test_cells_of_older_code_are_computed_anew_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    go(plan(tmp_path, "seeds: [0, 1]\nafter: {1: [0]}"), out)
    monkeypatch.setattr(Draws, "code", 2)
    go(plan(tmp_path, "seeds: [0, 1]\nafter: {1: [0]}"), out, resume=True)
    assert calls(out) == ["seed 0", "seed 0", "seed 1", "seed 1"]
    assert "2 cells of draws: kept by version 1 of its code, which is version 2 now; computed anew" in caplog.text
    go(plan(tmp_path, "seeds: [0, 1]\nafter: {1: [0]}"), out, resume=True)
    assert len(calls(out)) == 4
    assert caplog.text.count("computed anew") == 1
    assert {cell["code"] for cell in json.loads((out / "plan.json").read_text())["cells"].values()} == {2}


def test_a_cell_keeps_the_provenance_of_the_call_that_computed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    go(plan(tmp_path, "seeds: [0]"), out)
    monkeypatch.setattr("facewarden.experiments.engine.executor.provenance", lambda computed=None: {"python": "4.0"})
    go(plan(tmp_path, "seeds: [0, 1]"), out, resume=True)
    cells = json.loads((out / "plan.json").read_text())["cells"].values()
    versions = {cell["name"]: cell["provenance"]["python"] for cell in cells}
    assert versions == {"seed 0": platform.python_version(), "seed 1": "4.0"}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_precision_that_was_asked_for_is_in_ids_and_in_records_of_every_process(workers: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with computing("cpu", "float32"):
        go(plan(tmp_path, "seeds: [0, 1]"), out, workers=workers)
    held = json.loads((out / "plan.json").read_text())
    asked = {"device": "cpu", "precision": "float32", "precision_asked": "float32"}
    assert held["provenance"]["computed"] == asked
    assert [cell["provenance"]["computed"] for cell in held["cells"].values()] == [asked, asked]
    go(plan(tmp_path, "seeds: [0, 1]"), out, workers=workers, resume=True)
    assert set(json.loads((out / "plan.json").read_text())["cells"]).isdisjoint(held["cells"])


@pytest.mark.parametrize("workers", [1, 2])
def test_after_kill_9_a_resumed_plan_gives_identical_numbers(tmp_path: Path, workers: int) -> None:
    path = plan(tmp_path, "seeds: [0, 1, 2, 3, 4]\nsleep: 0.15")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    go(path, whole)
    script = f"""
        import sys
        sys.path.insert(0, {str(TESTS)!r})
        from pathlib import Path
        from facewarden.verbs.bench import run_plan
        from facewarden.experiments.engine.plan_file import read_plan
        from stand_in_kind import Draws
        if __name__ == "__main__":
            run_plan(read_plan({str(path)!r}), Draws(), out=Path({str(broken)!r}), workers={workers})
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    deadline = time.monotonic() + 60
    while not list(broken.glob("cells/*/done.json")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = len(list(broken.glob("cells/*/done.json")))
    assert 0 < done < 5
    go(path, broken, resume=True, workers=workers)
    assert (broken / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()
    time.sleep(0.4)  # what the killed process had started must not go on beside the resumed run
    assert len(calls(broken)) <= 5 + workers


@pytest.mark.parametrize("workers", [1, 3])
def test_a_failing_cell_costs_no_other_and_is_named(tmp_path: Path, workers: int) -> None:
    text = "seeds: [0, 1, 2, 3]\nbad: {'0': raise, '1': input, '2': nan}"
    out = tmp_path / "out"
    found = go(plan(tmp_path, text), out, workers=workers)
    assert [failure.cell.name for failure in found.failed] == ["seed 0", "seed 1", "seed 2"]
    messages = [failure.message for failure in found.failed]
    assert messages[0] == "ValueError: a defect"
    assert "photo.png is missing" in messages[1]
    assert "not JSON" in messages[2]
    assert "Traceback" in found.failed[0].detail
    assert not found.failed[1].detail
    assert [row[0] for row in summary(out)["tables"][0]["rows"]] == ["seed 3"]
    for file in ("summary.md", "summary.tex", "summary.json"):
        assert "seed 0" in (out / file).read_text()
    page = (out / "summary.md").read_text()
    assert "3 cells failed" in page
    go(plan(tmp_path, "seeds: [0, 1, 2, 3]"), out, resume=True)  # mended: only those run again
    assert summary(out)["failed"] == []


def test_a_killed_worker_is_one_failed_cell(tmp_path: Path) -> None:
    found = go(plan(tmp_path, "seeds: [0, 1, 2]\nbad: {'1': kill}"), tmp_path / "out", workers=2)
    assert [failure.cell.name for failure in found.failed] == ["seed 1"]
    assert "signal 9" in found.failed[0].message


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cell_waits_for_what_it_needs_and_fails_with_it(tmp_path: Path, workers: int) -> None:
    text = "seeds: [0, 1, 2, 3]\nbad: {'0': raise}\nafter: {'1': [0], '2': [1], '3': [2]}"
    found = go(plan(tmp_path, text), tmp_path / "out", workers=workers)
    assert [failure.message for failure in found.failed][1:] == [
        f"it needs 'seed {n}', which failed" for n in (0, 1, 2)
    ]
    text = "seeds: [0, 1, 2]\nsleep: 0.05\nafter: {'1': [0], '2': [1]}"
    found = go(plan(tmp_path, text), tmp_path / "chain", workers=workers)
    assert not found.failed
    assert (tmp_path / "chain" / "calls.txt").read_text().split("\n")[:3] == ["seed 0", "seed 1", "seed 2"]


def test_a_cell_has_one_torch_thread_and_every_number_of_workers_gives_the_same(tmp_path: Path) -> None:
    path = plan(tmp_path, "seeds: [0, 1, 2]")
    for workers in (1, 2):
        go(path, tmp_path / str(workers), workers=workers)
    results = [
        {file.parent.name: json.loads(file.read_text())["result"] for file in (tmp_path / n).glob("cells/*/done.json")}
        for n in ("1", "2")
    ]
    assert results[0] == results[1]
    assert {value["threads"] for value in results[0].values()} == {1}


def test_nobody_else_can_work_in_the_folder(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BadInputError, match="another process"):
            run_cells(Draws(), "draws", [PlanCell("a", {})], root=tmp_path)


def test_cells_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    for cells, message in (
        ([PlanCell("a", {"x": 1}), PlanCell("a", {"x": 2})], "two cells are named"),
        ([PlanCell("a", {"x": 1}), PlanCell("b", {"x": 1})], "same settings"),
        ([PlanCell("a", {"x": 1}, needs=("b",)), PlanCell("b", {"x": 2})], "not before it"),
    ):
        with pytest.raises(ContractError, match=message):
            run_cells(Draws(), "draws", cells, root=tmp_path)


def test_a_done_marker_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = plan(tmp_path, "seeds: [0]")
    go(path, tmp_path / "out")
    (marker,) = (tmp_path / "out").glob("cells/*/done.json")
    marker.write_text("{")
    with pytest.raises(BadInputError, match=r"done\.json: cannot be read"):
        go(path, tmp_path / "out", resume=True)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("seeds: [0,\nsleep: 1", 3, "not YAML"),
        ("seeds: [0]\nsleeep: 1", 3, "did you mean 'sleep'"),
        ("seeds:\n  - 0\n  - one", 4, 'seeds[1] is "one"; allowed: a whole number'),
        ("sleep: 1", 1, "seeds is missing"),
        ("seeds: [0]\nbad: {a: 1}", 3, "bad.a is 1; allowed: text"),
        ("seeds: [0]\nseeds: [1]", 3, "given twice"),
        ("seeds: []", 1, "no cells"),
        ("seeds: [0]\nsleep: !!python/name:os.system x", 3, "not YAML"),
        ("seeds: [0]\n? [a]\n: 1", 3, "not a word"),
    ],
)
def test_what_is_wrong_in_a_plan_is_named_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = plan(tmp_path, text)
    with pytest.raises(BadInputError) as caught:
        go(path, tmp_path / "out")
    assert f"draws.yaml:{line}: " in str(caught.value)
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_plan_without_a_kind_an_unknown_kind_an_unknown_plan(tmp_path: Path) -> None:
    (tmp_path / "none.yaml").write_text("seeds: [1]\n")
    with pytest.raises(BadInputError, match="needs a kind"):
        bench(str(tmp_path / "none.yaml"))
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(BadInputError, match="needs a kind"):
        bench(str(tmp_path / "empty.yaml"))
    (tmp_path / "other.yaml").write_text("kind: presentatio\n")
    with pytest.raises(UnknownEntryError, match="presentatio"):
        bench(str(tmp_path / "other.yaml"))
    with pytest.raises(UnknownEntryError, match="no plan 'mmdg'"):
        bench("mmdg")
    with pytest.raises(BadInputError, match="cannot be read"):
        bench(str(tmp_path / "absent.yaml"))


def test_plain_values_are_those_that_a_reader_expects(tmp_path: Path) -> None:
    path = plan(tmp_path, "a: off\nb: 1e-3\nc: 010\nd: 2026-11-21\ne: true\nf: ~\ng: 0.5\nh: no\ni: 5.\nj: +3")
    values = read_plan(str(path)).settings
    assert dict(values) == {
        "a": "off", "b": 0.001, "c": 10, "d": "2026-11-21", "e": True, "f": None, "g": 0.5, "h": "no", "i": 5.0, "j": 3,
    }  # fmt: skip


def test_the_three_summaries_show_the_same(tmp_path: Path) -> None:
    out = tmp_path / "out"
    go(plan(tmp_path, "seeds: [0]"), out)
    value = json.loads(next(out.glob("cells/*/done.json")).read_text())["result"]["value"]
    shown = f"{value:.3g}"
    page, tex, data = (out / "summary.md").read_text(), (out / "summary.tex").read_text(), summary(out)
    assert f"| seed 0 | {shown} |" in page
    assert f"seed 0 & {shown} \\\\" in tex
    assert r"Sums\_of draws" in tex
    assert r"50 \% sum" in tex
    assert data["tables"][0]["rows"] == [["seed 0", value]]
    assert "simulated" in page
    assert "simulated" in tex
    assert data["simulated"] is True
    assert "facewarden bench draws.yaml" in page
    assert (out / "figure-1.svg").read_text().startswith("<svg xmlns=")


def test_what_a_cell_needs_is_part_of_its_id() -> None:
    """A cell that builds on another one is another cell once that one changes; nothing stale is resumed."""

    def keys(eps: int) -> dict[str, str]:
        cells = [
            PlanCell("train", {"eps": eps}),
            PlanCell("clean", {"x": 1}, ("train",)),
            PlanCell("attack", {"y": 1}, ("clean",)),
        ]
        return cell_keys(cells, "k")

    two, eight = keys(2), keys(8)
    assert all(two[name] != eight[name] for name in two)
    assert keys(2) == two


def test_a_plan_like_another_holds_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("like: cloaking_orl\nset: scrapshots\ncost: null\n")
    base, mine = read_plan("cloaking_orl"), read_plan(str(path))
    expected = {**base.settings, "set": "scrapshots"}
    del expected["cost"]
    assert (mine.kind, mine.settings) == (base.kind, expected)
    path.write_text("set: orl\nlike: nothing\n")
    with pytest.raises(BadInputError, match=r"mine\.yaml:2: no plan 'nothing'") as raised:
        read_plan(str(path))
    assert "cloaking_orl" in raised.value.hint


def test_every_worker_has_a_gpu_of_its_own_and_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    from facewarden.core.compute.computing import Placement
    from facewarden.experiments.engine import places

    monkeypatch.setattr(places, "available_devices", lambda: ("cpu", "cuda:0", "cuda:1"))
    monkeypatch.setattr(places.os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(places, "placement", lambda: Placement("cuda", "bfloat16"))
    made = places.places_for(3)
    assert [str(place.asked.device) for place in made] == ["cuda:0", "cuda:1", "cuda:0"]
    assert [(place.threads, place.asked.precision) for place in made] == [(2, "bfloat16")] * 3
    monkeypatch.setattr(places, "placement", lambda: Placement("cuda:1"))
    assert {str(place.asked.device) for place in places.places_for(2)} == {"cuda:1"}
    monkeypatch.setattr(places, "placement", lambda: Placement("cpu"))
    assert {(str(place.asked.device), place.threads) for place in places.places_for(3)} == {("cpu", 1)}
