"""The audit from end to end, small: what goes in, what comes out, what a stop or bad input does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facewarden.auditing import presets
from facewarden.cli import main
from facewarden.core.errors import BadInputError, LeakError
from facewarden.core.run import RunFolder
from facewarden.data.manifest import Manifest
from facewarden.data.simulate import SimulationSettings
from facewarden.reporting.codec import parse_report
from facewarden.verbs.audit import audit

TINY = presets.Preset(
    captures=SimulationSettings(subjects=8, captures_per_subject=6),
    attacked_per_class=3,
    budgets=(2, 8),
    pgd_steps=2,
    apgd_restarts=1,
    auto_binary=(),
    queries=(4, 8),
    people=4,
    photos_per_person=4,
    cloaking_people=2,
    cloak_steps=2,
    rounds=50,
)
LESS = replace(TINY, budgets=(8,))
FEW = replace(LESS, attacked_per_class=1, pgd_steps=1, queries=(4,))


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "PRESETS", {"quick": TINY, "standard": LESS, "thorough": TINY})


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from facewarden.data.simulate import Simulation, simulate

    folder = tmp_path_factory.mktemp("captures")
    simulate(folder, Simulation(subjects=8, captures_per_subject=6, size=96, seed=5))
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> Path:
    """The folder of an audit of `captures` with seed 0 that ran to its end; tests that write work on a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "PRESETS", {"standard": LESS})
        return audit(out=tmp_path_factory.mktemp("finished") / "run", captures=captures).json.parent


def numbers(report: Path) -> dict[str, Any]:
    """The measured part of a report, without the hour."""
    data = json.loads(report.read_text(encoding="utf-8"))
    return {name: data[name] for name in ("presentation", "perturbation", "poisoning", "parts")}


def flipped(report: Path) -> list[dict[str, Any]]:
    """How many decisions each attack flips, which no recognizer has a part in."""
    found = [metric for metric in numbers(report)["perturbation"]["metrics"] if metric["name"] == "success_rate"]
    assert found
    return found


def test_an_audit_without_arguments_measures_all_three(tmp_path: Path) -> None:
    result = audit(out=tmp_path / "run", preset="quick")
    data = json.loads(result.json.read_text(encoding="utf-8"))
    assert data["schema"] == "facewarden.report/1"
    for name in ("presentation", "perturbation"):
        assert {m["name"] for m in data[name]["metrics"]} & {"bpcer", "success_rate"}
        assert all(m["simulated"] and m["n"] > 0 for m in data[name]["metrics"])
    # without fetched recognizers the third is left out, and the command that brings it is named
    assert data["poisoning"]["metrics"] or "facewarden fetch" in data["poisoning"]["left_out"][0]["command"]
    page = result.html.read_text(encoding="utf-8")
    assert "simulated" in page
    assert "<script" not in page
    assert parse_report(result.json.read_text(encoding="utf-8")) == result.report


@pytest.fixture
def no_recognizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched, so that an audit leaves out the section of recognizers."""
    monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("no_recognizer")
def test_another_seed_gives_other_numbers(tmp_path: Path, captures: Path, finished: Path) -> None:
    other = audit(out=tmp_path / "run", captures=captures, seed=2).json
    assert flipped(other) != flipped(finished / "report.json")


def test_the_same_seed_gives_the_same_numbers_also_when_it_was_stopped_anywhere_and_resumed(
    tmp_path: Path, captures: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = RunFolder.stage, []

    def stopping(self: Any, name: str, compute: Any) -> Any:
        calls.append(name)
        if len(calls) in (2, 6):
            raise KeyboardInterrupt
        return real(self, name, compute)

    monkeypatch.setattr(RunFolder, "stage", stopping)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            audit(out=tmp_path / "cut", captures=captures, resume=True)
    resumed = audit(out=tmp_path / "cut", captures=captures, resume=True).json
    assert numbers(resumed) == numbers(finished / "report.json")


def test_a_finished_run_is_not_overwritten_and_not_measured_again(
    tmp_path: Path, captures: Path, finished: Path
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(BadInputError, match="holds a run already"):
        audit(out=tmp_path / "run", captures=captures)
    shutil.rmtree(tmp_path / "run" / "stages")  # a second measurement would need them
    assert audit(out=tmp_path / "run", captures=captures, resume=True).report == parse_report(
        (finished / "report.json").read_text(encoding="utf-8")
    )
    with pytest.raises(BadInputError, match="other settings: seed"):
        audit(out=tmp_path / "run", captures=captures, seed=9, resume=True)


@pytest.mark.usefixtures("no_recognizer")
def test_the_gate_decides_the_exit_code(
    tmp_path: Path, captures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "PRESETS", {"quick": FEW})
    arguments = ["audit", "--captures", str(captures), "--preset", "quick", "--out", str(tmp_path / "run")]
    assert main([*arguments, "--fail-on", "presentation.bpcer >= 0"]) == 1
    assert "gate FAILED" in capsys.readouterr().out
    assert main([*arguments, "--resume", "--fail-on", "presentation.bpcer > 0.99"]) == 0
    assert "gate passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--detector", "multi_cn"], "did you mean multi_cnn"),
        (["--detector", "./nowhere"], "no such file or folder"),
        (["--captures", "nowhere.csv"], "nowhere.csv"),
        (["--fail-on", "presentation.acer >"], "gate"),
        (["--fail-on", "presentations.acer > 1"], "presentation"),
        (["--faces", "./nowhere"], "nowhere"),
        (["--surrogate", "mobilefacenet_512"], "surrogate"),
    ],
)
def test_bad_input_exits_with_two_and_says_what(
    arguments: list[str], message: str, tmp_path: Path, captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments if "--captures" in arguments else [*arguments, "--captures", str(captures)]
    assert main(["audit", *given, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "->" in error


def test_a_manifest_without_dev_rows_or_with_one_class_is_refused(tmp_path: Path, captures: Path) -> None:
    manifest = Manifest.read(captures)
    manifest.where(split="test").write(captures.parent / "only_test.csv")
    with pytest.raises(BadInputError, match="no rows of split dev"):
        audit(captures=captures.parent / "only_test.csv", out=tmp_path / "a")
    rows = [s for s in manifest if s.split == "test" or s.label == 1]
    Manifest(tuple(rows), manifest.root, "one class").write(captures.parent / "one_class.csv")
    with pytest.raises((BadInputError, LeakError), match="attack"):
        audit(captures=captures.parent / "one_class.csv", out=tmp_path / "b")


def test_a_subject_on_both_sides_of_the_threshold_is_refused(tmp_path: Path, captures: Path) -> None:
    manifest = Manifest.read(captures)
    leaked = manifest.where(split="dev").subjects[0]
    rows = tuple(replace(s, subject=leaked) if i == 0 else s for i, s in enumerate(manifest.where(split="test")))
    rows += manifest.where(split="dev").rows
    Manifest(rows, manifest.root, "leaky").write(captures.parent / "leaky.csv")
    with pytest.raises(LeakError, match="1 subjects are in both dev and test"):
        audit(captures=captures.parent / "leaky.csv", out=tmp_path / "run")


def test_a_run_goes_on_only_with_the_same_manifest_and_images(tmp_path: Path, captures: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    manifest = Manifest.read(captures)
    image, another = [manifest.path(sample, "rgb") for sample in manifest.where(split="test")][:2]
    assert image is not None
    assert another is not None
    edited = captures.read_bytes().replace(b",normal,", b",strong,", 1)
    for path, content in ((captures, edited), (image, another.read_bytes())):
        before = path.read_bytes()
        try:
            path.write_bytes(content)
            with pytest.raises(BadInputError, match="other settings: manifest"):
                audit(captures=captures, out=tmp_path / "run", resume=True)
        finally:
            path.write_bytes(before)
    assert audit(captures=captures, out=tmp_path / "run", resume=True).json.is_file()


@pytest.mark.usefixtures("no_recognizer")
def test_unreadable_captures_are_counted_not_hidden(
    tmp_path: Path, captures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "PRESETS", {"standard": FEW})
    folder = tmp_path / "damaged"
    shutil.copytree(captures.parent, folder)
    manifest = Manifest.read(folder / "manifest.csv")
    victim = next(s for s in manifest.where(split="test") if s.label == 1)
    path = manifest.path(victim, "rgb")
    assert path is not None
    path.write_bytes(b"not a picture")
    result = audit(captures=folder / "manifest.csv", out=tmp_path / "run")
    assert sum(result.report.presentation.skipped.values()) == 1


def test_a_run_folder_that_cannot_be_written_is_named(tmp_path: Path, captures: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInputError, match="cannot write the run"):
        audit(captures=captures, out=tmp_path / "file" / "run")
