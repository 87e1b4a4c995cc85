"""Files that release 0.1 wrote (commit c581d63): each is read, gone on with, or refused by name."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from facewarden import load_detector
from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.core.identity.code_version import code_of
from facewarden.core.run import RunFolder
from facewarden.reporting.codec import parse_report
from facewarden.training.recipe import OLD_KEYS, read_recipe
from facewarden.training.recipe_files import recipe_of_today
from stand_ins import make_batch

WRITTEN = Path(__file__).resolve().parent.parent / "golden" / "files_of_0_1"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, in which folders of results name the copied photos as the ones that they are of."""
    shutil.copytree(WRITTEN, tmp_path / "files")
    monkeypatch.chdir(tmp_path / "files")
    of_photos = hashlib.sha256(str((tmp_path / "files" / "photos").resolve()).encode()).hexdigest()
    for mark in ("purified/purified.source", "cloaked/record/source"):
        (tmp_path / "files" / mark).write_text(f"{of_photos}\n")
    return tmp_path / "files"


def test_the_report_of_an_audit_is_written_again(files: Path) -> None:
    before = json.loads((files / "audit" / "report.json").read_text(encoding="utf-8"))
    assert main(["report", "audit", "--out", "page", "--form", "markdown"]) == 0
    page = (files / "page" / "report.md").read_text(encoding="utf-8")
    assert before["presentation"]["finding"].split()[0] in page
    assert parse_report((files / "audit" / "report.json").read_text(encoding="utf-8")).presentation.metrics


def test_an_audit_does_not_go_on_with_the_earlier_intervals(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sizes of `quick` and the method of intervals changed: what it holds must not be mixed with new numbers."""
    assert main(["audit", "--preset", "quick", "--seed", "2", "--out", "audit", "--resume"]) == 2
    assert "other settings" in capsys.readouterr().err


def test_a_table_of_scores_is_evaluated(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "presentation", "--scores", "scores.parquet"]) == 0
    assert "BPCER" in capsys.readouterr().out.upper()


def test_a_trained_model_scores(files: Path) -> None:
    detector = load_detector("trained")
    assert detector.predict(make_batch(3)).score.isfinite().all()


def test_a_training_in_bf16_goes_on_where_bfloat16_is_asked_for(files: Path) -> None:
    today = partial(recipe_of_today, old_keys=OLD_KEYS)
    recipe = {**read_recipe("recipe.json").plain(), "seed": 1, "source": "captures"}
    run = RunFolder(files / "trained" / "run", recipe=recipe, code=code_of("train"), resume=True, today=today)
    assert run.done
    del run
    recipe["training"] = {**recipe["training"], "precision": "auto"}
    with pytest.raises(BadInputError, match=r'training\.precision \("bfloat16" there, "auto" now\)'):
        RunFolder(files / "trained" / "run", recipe=recipe, code=code_of("train"), resume=True, today=today)


def test_a_model_of_ones_own_with_the_card_of_then(files: Path) -> None:
    detector = load_detector("own/tiny.onnx")
    assert detector.card.name == "onnx_file"


def test_a_purified_folder_is_not_purified_again(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (files / "purified" / "0.png.png").read_bytes()
    assert main(["purify", "photos", "--out", "purified", "--purifier", "jpeg", "--aligner", "precropped"]) == 0
    assert "purified 0, already there 2" in capsys.readouterr().out
    assert (files / "purified" / "0.png.png").read_bytes() == before


def test_a_cloaked_folder_is_not_cloaked_again(
    files: Path, capsys: pytest.CaptureFixture[str], need_asset: Callable[[str], Path]
) -> None:
    need_asset("faceplugin_recognizer")
    need_asset("dlib_face_api")
    before = (files / "cloaked" / "0.png.png").read_bytes()
    command = ["cloak", "photos", "--out", "cloaked", "--aligner", "precropped"]
    assert main([*command, "--surrogates", "mobilefacenet_512,dlib_resnet34"]) == 0
    assert (files / "cloaked" / "0.png.png").read_bytes() == before
    assert "commas" in capsys.readouterr().err
