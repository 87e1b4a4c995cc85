"""Training from a manifest to a folder that scores, resumed and repeated; recipes that cannot be read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facewarden.cli import main
from facewarden.core.artifact import load_artifact
from facewarden.core.errors import BadInputError, FacewardenError, UnknownEntryError
from facewarden.core.labels import Split
from facewarden.data.manifest import Manifest, Sample
from facewarden.pad.multi_cnn import MultiCnn
from facewarden.training.purifier_recipe import is_purifier_recipe
from facewarden.training.recipe import parse_recipe, read_recipe
from facewarden.training.recipe_files import FOLDER
from facewarden.verbs.train import train

RECIPE = {
    "entry": "multi_cnn",
    "summary": "a tiny one",
    "model": {"backbone": "lcnet_035", "width": 8, "size": 32},
    "training": {"epochs": 2, "batch": 8, "margin": 1},
}


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve captures a split: bona fide ones are bright and have relief."""
    folder = tmp_path_factory.mktemp("captures")
    rng = np.random.default_rng(0)
    rows = []
    splits: tuple[Split, ...] = ("train", "dev", "test")
    for split in splits:
        for i in range(12):
            key, label = f"{split}{i}", i % 2
            rgb = rng.integers(0, 60, (48, 48, 3)) + 120 * label
            depth = np.full((48, 48), 600) - (rng.integers(0, 60, (48, 48)) * label)
            infrared = rng.integers(0, 90, (48, 48)) + 60 * label
            for kind, image, form in (("rgb", rgb, np.uint8), ("depth", depth, np.uint16), ("ir", infrared, np.uint8)):
                cv2.imwrite(str(folder / f"{key}_{kind}.png"), image.astype(form))
            rows.append(
                Sample(
                    key, split, label, "bona_fide" if label else "print_flat", f"{split}{i // 4}", "ab"[i % 4 // 2],
                    rgb=f"{key}_rgb.png", depth=f"{key}_depth.png", infrared=f"{key}_ir.png",
                    box=(14.0, 12.0, 34.0, 36.0), simulated=True,
                )
            )  # fmt: skip
    Manifest(tuple(rows), root=folder, name="tiny").write(folder / "manifest.csv")
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(RECIPE))
    return str(path)


def test_it_writes_a_folder_that_scores_and_says_what_it_is(recipe: str, captures: Path, tmp_path: Path) -> None:
    out = train(recipe, out=tmp_path / "out", captures=captures, seed=3)
    artifact = load_artifact(out)
    assert artifact.recipe["entry"] == "multi_cnn"
    assert artifact.recipe["seed"] == 3
    assert artifact.rule is not None
    assert (artifact.rule.split, artifact.rule.n_bona_fide, artifact.rule.n_attack) == ("dev", 6, 6)
    assert "*simulated*" in artifact.card.training_data
    assert "12 captures of 3 people" in artifact.card.training_data
    assert "held-out simulated subjects" in artifact.card.limits
    results = json.loads((out / "results.json").read_text())
    assert results["simulated"]
    assert all(metric["simulated"] for metric in results["all"])
    assert set(results["by_modality"]) == {"rgb", "depth", "infrared"}
    assert set(results["by_domain"]) == {"a", "b"}
    assert MultiCnn(out).rule == artifact.rule


def test_same_seed_same_weights_and_a_finished_run_is_left_alone(recipe: str, captures: Path, tmp_path: Path) -> None:
    first = train(recipe, out=tmp_path / "first", captures=captures)
    second = train(recipe, out=tmp_path / "second", captures=captures)
    assert load_artifact(first).card.sha256 == load_artifact(second).card.sha256
    before = (first / "weights.safetensors").stat().st_mtime_ns
    train(recipe, out=first, captures=captures, resume=True)
    assert (first / "weights.safetensors").stat().st_mtime_ns == before
    with pytest.raises(BadInputError, match="holds a run already"):
        train(recipe, out=first, captures=captures)
    with pytest.raises(BadInputError, match="other settings: seed"):
        train(recipe, out=first, captures=captures, seed=1, resume=True)


def test_a_model_whose_run_was_deleted_and_a_set_are_not_replaced(recipe: str, captures: Path, tmp_path: Path) -> None:
    out = train(recipe, out=tmp_path / "out", captures=captures)
    shutil.rmtree(out / "run")
    before = (out / "weights.safetensors").read_bytes()
    for resume in (False, True):
        with pytest.raises(BadInputError, match=r"holds a model or a set already \(card\.json\)"):
            train(recipe, out=out, captures=captures, seed=1, resume=resume)
    assert (out / "weights.safetensors").read_bytes() == before
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "card.json").write_text("{}")
    with pytest.raises(BadInputError, match="holds a model or a set already"):
        train(recipe, out=tmp_path / "set", captures=captures)
    assert (tmp_path / "set" / "card.json").read_text() == "{}"
    assert not (tmp_path / "set" / "run").exists()


@pytest.mark.parametrize(
    ("where", "changed", "message"),
    [
        ({"key": "test3"}, {"subject": "train0"}, r"subject 'train0' is in train and in test"),
        ({"split": "dev", "label": 0}, {"split": "train", "subject": "x"}, "dev has no attack presentations"),
        ({"split": "test", "label": 1}, {"split": "train", "subject": "x"}, "test has no bona fide presentations"),
    ],
)
def test_captures_whose_result_could_not_be_measured_are_refused_before_the_training(
    recipe: str, captures: Path, tmp_path: Path, where: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    rows = [
        replace(row, **changed) if all(getattr(row, name) == value for name, value in where.items()) else row
        for row in Manifest.read(captures)
    ]
    Manifest(tuple(rows), root=captures, name="odd").write(tmp_path / "odd.csv")
    with pytest.raises(FacewardenError, match=message):
        train(recipe, out=tmp_path / "out", captures=tmp_path / "odd.csv")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("policy", ["EER", "bpcer_at_apcer=5", "bpcer_at_apcer=5%"])
def test_a_policy_that_cannot_be_followed_is_refused_before_the_training(policy: str) -> None:
    with pytest.raises(FacewardenError, match="policy: "):
        parse_recipe({**RECIPE, "policy": policy}, source="mine.json")


def test_a_domain_of_one_class_in_the_test_split_costs_no_training(
    recipe: str, captures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        replace(row, domain="c") if row.split == "test" and row.label == 0 and row.domain == "b" else row
        for row in Manifest.read(captures)
    ]
    Manifest(tuple(rows), root=captures, name="odd").write(tmp_path / "odd.csv")
    out = train(recipe, out=tmp_path / "out", captures=tmp_path / "odd.csv")
    assert set(json.loads((out / "results.json").read_text())["by_domain"]) == {"a"}
    assert "domain c has no presentations of both classes in the test split" in caplog.text


@pytest.mark.slow
def test_a_process_killed_in_the_middle_is_resumed_to_the_same_weights(captures: Path, tmp_path: Path) -> None:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps({**RECIPE, "training": {"epochs": 12, "batch": 8, "margin": 1}}))
    out = tmp_path / "killed"
    script = (
        "import sys, torch; from pathlib import Path; from facewarden.verbs.train import train; "
        "torch.set_num_threads(1); train(sys.argv[1], out=Path(sys.argv[2]), captures=Path(sys.argv[3]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(path), str(out), str(captures)])
    until = time.monotonic() + 120
    while not list((out / "run" / "checkpoints").glob("step-*")) and time.monotonic() < until:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (out / "card.json").exists()
    resumed = train(str(path), out=out, captures=captures, resume=True)
    whole = train(str(path), out=tmp_path / "whole", captures=captures)
    assert load_artifact(resumed).card.sha256 == load_artifact(whole).card.sha256


def test_a_split_that_is_missing_is_named(recipe: str, captures: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(captures).where(split=("train", "test"))
    manifest.write(captures / "without.csv")
    with pytest.raises(BadInputError, match="no rows of split 'dev'"):
        train(recipe, out=tmp_path / "out", captures=captures / "without.csv")


def test_one_class_cannot_be_learned_from(recipe: str, captures: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(captures)
    rows = tuple(row for row in manifest if row.split != "train" or row.label == 1)
    Manifest(rows, root=captures, name="one").write(captures / "one.csv")
    with pytest.raises(BadInputError, match="only one class"):
        train(recipe, out=tmp_path / "out", captures=captures / "one.csv")


DETECTORS = [path for path in sorted(FOLDER.glob("*.json")) if not is_purifier_recipe(path.stem)]


@pytest.mark.parametrize("path", DETECTORS, ids=lambda path: path.stem)
def test_every_recipe_of_the_package_reads_back_as_itself(path: Path, tmp_path: Path) -> None:
    recipe = read_recipe(path.stem)
    (tmp_path / "again.json").write_text(json.dumps(recipe.plain()))
    assert read_recipe(str(tmp_path / "again.json")) == recipe


def test_an_unknown_recipe_or_field_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownEntryError, match=r"known: .*multi_cnn"):
        read_recipe("multi_can")
    for text, message in (
        ("{", "not a training recipe"),
        ("[]", "not a training recipe"),
        ('{"entry": "multi_cnn"}', "summary is missing; allowed: text"),
        (json.dumps({**RECIPE, "epochs": 3}), "unknown setting 'epochs'"),
        ('{"training": 3}', "entry is missing.*training is 3; allowed: an object with epochs, batch"),
        (
            json.dumps({**RECIPE, "weights_precision": "int8"}),
            'weights_precision is "int8"; allowed: float32 or float16',
        ),
    ):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(BadInputError, match=rf"bad\.json: {message}"):
            read_recipe(str(tmp_path / "bad.json"))


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"rate": 0}, "training.rate is 0; allowed: a number above 0"),
        ({"rate": float("nan")}, "training.rate is nan; allowed: finite numbers"),
        ({"rate": 10**400}, "training.rate is a number of about 400 digits"),
        ({"decay": -1}, "training.decay is -1; allowed: a number from 0"),
        ({"warmup": 2}, "training.warmup is 2; allowed: a number from 0 to 1"),
        ({"clip": "5"}, 'training.clip is "5"; allowed: a number above 0'),
        ({"margin": 0.5}, "training.margin is 0.5; allowed: a number from 1"),
        ({"epochs": 2.5}, "training.epochs is 2.5; allowed: a whole number from 1"),
        ({"augmentation": {"gama": 0}}, "unknown setting 'training.augmentation.gama'; did you mean 'gamma'"),
        ({"augmentation": []}, r"training.augmentation is \[\]; allowed: an object"),
        ({"precision": "float16"}, "no training in float16"),
        ({"precision": "int8"}, 'training.precision is "int8"; allowed: auto, float32, bfloat16 or float16'),
    ],
)
def test_every_range_of_training_is_checked(training: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=rf"^the plan: {message}"):
        parse_recipe({"entry": "multi_cnn", "summary": "x", "training": training}, source="the plan")


def test_earlier_spellings_of_precision_are_read() -> None:
    for word, today in (("no", "float32"), ("bf16", "bfloat16")):
        recipe = parse_recipe({"entry": "x", "summary": "x", "training": {"precision": word}}, source="x")
        assert recipe.training.precision == today


def test_a_detector_that_cannot_be_trained_is_refused(captures: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({**RECIPE, "entry": "onnx_file"}))
    with pytest.raises(BadInputError, match="onnx_file cannot be trained here"):
        train(str(tmp_path / "r.json"), out=tmp_path / "out", captures=captures)


@pytest.mark.parametrize(
    ("protocol", "message", "hint"),
    [
        ("abx_d", "no protocol 'abx_d'; did you mean", "one of cps_w"),
        ("cps_w", "no captures were given, .* protocol 'cps_w': no captures of domain", "--data wmca:PATH casia_surf:"),
        ("leave_one_domain_out:alter", "no domain 'alter' to leave out; did you mean 'alder'", "one of: alder"),
        ("manifest_split:x", "does not take", "--protocol manifest_split"),
    ],
)
def test_a_protocol_that_cannot_be_is_told_before_anything_is_simulated(
    protocol: str, message: str, hint: str, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def simulated(*arguments: object, **keywords: object) -> None:
        raise AssertionError("it simulates")

    monkeypatch.setattr("facewarden.verbs.train._simulate", simulated)
    with pytest.raises(FacewardenError, match=message) as error:
        train(recipe, out=tmp_path / "out", protocol=protocol)
    assert hint in error.value.hint
    assert not (tmp_path / "out").exists()
    with pytest.raises(AssertionError, match="it simulates"):
        train(recipe, out=tmp_path / "out", protocol="abc_d")


@pytest.mark.parametrize("protocol", ["abx_d", "cps_w", "leave_one_domain_out:c"])
def test_given_captures_that_do_not_suit_a_protocol_leave_no_folder(
    protocol: str, recipe: str, captures: Path, tmp_path: Path
) -> None:
    with pytest.raises(FacewardenError, match=r"protocol|domain"):
        train(recipe, out=tmp_path / "out", captures=captures, protocol=protocol)
    assert not (tmp_path / "out").exists()


def test_the_audit_of_a_protocol_and_the_notes_of_a_set_are_kept_and_printed(
    recipe: str, captures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = replace(Manifest.read(captures), notes=("trials that are not there: 1",))
    given.write(captures / "noted.csv")
    (captures / "dev9_ir.png").rename(captures / "gone.png")
    try:
        arguments = ["train", recipe, "--captures", str(captures / "noted.csv"), "--protocol", "manifest_split"]
        assert main([*arguments, "--epochs", "1", "--out", str(tmp_path / "out")]) == 0
    finally:
        (captures / "gone.png").rename(captures / "dev9_ir.png")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["notes"] == ["trials that are not there: 1"]
    assert ["train", "a", "bona_fide", 3] in results["audit"]["rows"]
    assert ["test", "b", 3] in results["audit"]["subjects"]
    printed = capsys.readouterr().out
    for sentence in (*results["notes"], *results["audit"]["sentences"]):
        assert f"note: {sentence}\n" in printed
    assert "note: subjects in more than one split: 0" in printed
    assert "files are not there, not in the audit: 1" in printed
