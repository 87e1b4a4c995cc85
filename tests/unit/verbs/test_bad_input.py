"""What a user may do wrong: each is refused before it costs anything, or counted where it can be seen."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.auditing import presets
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.resolve import resolve_detector, resolve_purifier
from facewarden.core.run import RunFolder
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.table import read_table
from facewarden.verbs.attack import attack
from facewarden.verbs.audit import audit
from facewarden.verbs.evaluate_presentations import evaluate_presentation
from facewarden.verbs.purify import purify
from facewarden.verbs.simulate import simulate


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captures")
    simulate(folder, subjects=6, captures_per_subject=6, species=("mask_rigid",), size=64, workers=1)
    return folder / "manifest.csv"


def changed(captures: Path, name: str, change: Callable[[int, Sample], Sample | None]) -> Path:
    """Write the same captures with other rows beside the manifest."""
    manifest = Manifest.read(captures)
    rows = tuple(row for i, old in enumerate(manifest) if (row := change(i, old)) is not None)
    replace(manifest, rows=rows).write(captures.with_name(f"{name}.csv"))
    return captures.with_name(f"{name}.csv")


def evaluate(captures: Path, *, seed: int = 0):  # type: ignore[no-untyped-def]
    return evaluate_presentation(
        captures=captures, scores=None, detector="multi_cnn", policy="eer", seed=seed, out=None
    )


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("no_dev", lambda _, row: replace(row, split="test"), r"no (rows of|bona fide and no attack row in) split dev"),
        ("one_class", lambda _, row: row if row.split != "test" or row.label else None, "no attack row in split test"),
        ("units", lambda _, row: replace(row, box=(1e30, 2.0, 2e30, 9.0)), "the face box is not in the frame"),
        ("beside", lambda _, row: replace(row, box=(640.0, 2.0, 650.0, 9.0)), "the face box is not in the frame"),
        ("gone", lambda _, row: replace(row, rgb=f"gone {row.label}.png"), "does not exist"),
    ],
)
def test_captures_that_cannot_be_measured_say_why(
    captures: Path, name: str, change: Callable[[int, Sample], Sample | None], message: str
) -> None:
    path = changed(captures, name, change)
    for measure in (evaluate, attack):
        with pytest.raises(BadInputError, match=message):
            measure(path)


def test_captures_left_out_are_counted_by_evaluate_and_attack(captures: Path) -> None:
    some = changed(captures, "some", lambda i, row: replace(row, rgb="gone.png") if i % 6 == 0 else row)
    unreadable = sum(row.rgb == "gone.png" for row in Manifest.read(some).where(split=("dev", "test")))
    assert unreadable > 0
    assert evaluate(some).skipped == {"does not exist": unreadable}
    assert attack(some, method="noise", samples=1).skipped == {"does not exist": unreadable}


@pytest.mark.parametrize(
    "setting",
    [{"seed": -1}, {"samples": 0}, {"samples": -3}, {"eps": -1.0}, {"eps": 256.0}, {"eps": float("nan")}],
)
def test_an_attack_refuses_settings_before_it_reads_anything(setting: dict[str, float]) -> None:
    with pytest.raises(BadInputError) as refused:
        attack(Path("there is no such manifest"), **setting)  # type: ignore[arg-type]
    assert "manifest" not in refused.value.message


def test_a_negative_seed_is_bad_input(captures: Path) -> None:
    with pytest.raises(BadInputError, match="seed -1 is negative"):
        evaluate(captures, seed=-1)


@pytest.mark.parametrize(
    "setting",
    [
        {"recognizer": "nobody"},
        {"policy": "coin"},
        {"policy": "bpcer_at_apcer=7"},
        {"seed": -1},
        {"faces": "no/such/folder"},
        {"surrogate": ("nobody",)},
        {"captures": Path("no such manifest.csv")},
    ],
)
def test_an_audit_refuses_settings_before_it_makes_a_run(setting: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(FacewardenError):
        audit(preset="quick", out=tmp_path / "run", **setting)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_a_path_for_what_takes_none_and_none_for_what_needs_one() -> None:
    with pytest.raises(BadInputError, match="jpeg takes no path"):
        resolve_purifier("jpeg:5")
    with pytest.raises(BadInputError, match="onnx_file needs a path"):
        resolve_detector("onnx_file")


@pytest.mark.parametrize("held", ["", "[", "[1]"])
def test_a_run_with_damaged_files_says_which(tmp_path: Path, held: str) -> None:
    run = RunFolder(tmp_path, recipe={"a": 1})
    (tmp_path / "stages" / "one.json").write_text(held[:1])
    with pytest.raises(BadInputError, match=r"one\.json"):
        run.stage("one", lambda: 1)
    (tmp_path / "recipe.json").write_text(held)
    with pytest.raises(BadInputError, match=r"recipe\.json"):
        RunFolder(tmp_path, recipe={"a": 1}, resume=True)


def photo(path: Path, *, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 24, 3)).astype(np.uint8)).save(path)
    return path


def test_purifying_again_with_another_purifier_or_a_changed_photo_keeps_nothing_stale(tmp_path: Path) -> None:
    source, out = photo(tmp_path / "in" / "a.png"), tmp_path / "out"
    assert purify(tmp_path / "in", out=out, purifier="jpeg", region="photo").done == 1
    first = np.array(Image.open(out / "a.png.png"))
    assert purify(tmp_path / "in", out=out, purifier="jpeg", region="photo").kept == 1
    assert purify(tmp_path / "in", out=out, purifier="median", region="photo").done == 1
    second = np.array(Image.open(out / "a.png.png"))
    assert (first != second).any()
    photo(source, seed=1)
    assert purify(tmp_path / "in", out=out, purifier="median", region="photo").done == 1
    assert (np.array(Image.open(out / "a.png.png")) != second).any()


def test_purify_refuses_what_it_can_do_nothing_with_and_takes_one_photo(tmp_path: Path) -> None:
    lone = photo(tmp_path / "a.png")
    assert purify(lone, out=tmp_path / "out", purifier="jpeg", region="photo").done == 1
    with pytest.raises(BadInputError, match="does not exist"):
        purify(tmp_path / "nobody.png", out=tmp_path / "out", purifier="jpeg", region="photo")
    (tmp_path / "torn.png").write_bytes(lone.read_bytes()[:40])
    with pytest.raises(BadInputError, match="no photo could be purified"):
        purify(tmp_path / "torn.png", out=tmp_path / "out", purifier="jpeg", region="photo")
    with pytest.raises(BadInputError, match="inside the input"):
        purify(tmp_path, out=tmp_path / "out", purifier="jpeg", region="photo")


def test_a_photo_whose_name_is_not_utf8_is_purified_under_the_same_bytes_and_kept(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "a.png")
    try:
        photo(tmp_path / "in" / "b\udcff.png")
        photo(tmp_path / "in" / "c\udcff.png")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only UTF-8 names")
    photo(tmp_path / "in" / "c\\xff.png")  # looks like the photo before it wherever text is UTF-8
    both = "file name that is not UTF-8, and another one looks the same in tables"
    found = purify(tmp_path / "in", out=tmp_path / "out", purifier="jpeg", region="photo")
    assert (found.done, found.skipped) == (3, {both: 1})
    assert b"b\xff.png.png" in [os.fsencode(path.name) for path in (tmp_path / "out").iterdir()]
    rows = read_table(found.manifest)
    assert sorted(zip(rows["source"], rows["treatment"], strict=True)) == [
        ("a.png", "purified"),
        ("b\\xff.png", "purified"),
        ("c\\xff.png", "purified"),
        ("c\\xff.png", f"skipped: {both}"),
    ]
    again = purify(tmp_path / "in", out=tmp_path / "out", purifier="jpeg", region="photo")
    assert (again.done, again.kept) == (0, 3)


def test_a_finished_audit_asked_another_gate_names_the_command_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, captures: Path
) -> None:
    from facewarden.auditing import sections as module

    small = replace(presets.PRESETS["quick"], attacked_per_class=3, pgd_steps=2, queries=(4, 8))
    monkeypatch.setattr(presets, "PRESETS", {"quick": small})
    monkeypatch.setattr(module, "poisoning_of", lambda needs, run: (module_empty(), ()))
    asked = {"preset": "quick", "captures": captures, "out": tmp_path / "run"}
    audit(**asked)  # type: ignore[arg-type]
    again = audit(**asked, resume=True, fail_on="presentation.acer > 0.99")  # type: ignore[arg-type]
    assert again.gate is not None
    assert "--fail-on" in json.loads(again.json.read_text(encoding="utf-8"))["command"]


def module_empty():  # type: ignore[no-untyped-def]
    from facewarden.auditing.request import not_measured
    from facewarden.reporting.document import LeftOut

    return not_measured("poisoning", LeftOut("cloaks", "not part of this test", "facewarden audit"))
