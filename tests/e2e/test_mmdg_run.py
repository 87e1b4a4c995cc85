"""MMDG from captures to report: trained by a protocol's name, killed and resumed, reported, audited, explained."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from facewarden.auditing import presets
from facewarden.cli import main
from facewarden.core.artifact import load_artifact
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.labels import Split
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.simulate import SimulationSettings
from facewarden.pad.mmdg import Mmdg
from facewarden.reporting.training import read_training
from facewarden.training.loop import fit
from facewarden.verbs import train as api
from twins import twin

RECIPE = {
    "entry": "mmdg",
    "summary": "a tiny one",
    "model": {"trunk": "face_vit:fresh", "size": 32, "depth": 2, "tiling": "batch"},
    "objective": "regrad",
    "training": {"epochs": 3, "batch": 12, "margin": 1, "rate": 0.002},
}
TINY = presets.Preset(
    captures=SimulationSettings(subjects=8, captures_per_subject=6), attacked_per_class=2,
    budgets=(8,), pgd_steps=1, apgd_restarts=1, auto_binary=(), queries=(4, 8), people=2, photos_per_person=2,
    cloaking_people=1, cloak_steps=1, rounds=20,
)  # fmt: skip


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four domains with eight captures in each split: bona fide ones are brighter and have relief."""
    folder = tmp_path_factory.mktemp("captures")
    rng = np.random.default_rng(0)
    rows = []
    splits: tuple[Split, ...] = ("train", "dev", "test")
    for domain in ("alder", "birch", "cedar", "dogwood"):
        for split in splits:
            for i in range(8):
                key, label = f"{domain}-{split}-{i}", i % 2
                rgb = rng.integers(0, 60, (48, 48, 3)) + 90 * label
                depth = np.full((48, 48), 600) - (rng.integers(0, 60, (48, 48)) * label)
                infrared = rng.integers(0, 90, (48, 48)) + 60 * label
                drawn = (("rgb", rgb, np.uint8), ("depth", depth, np.uint16), ("infrared", infrared, np.uint8))
                for kind, image, form in drawn:
                    cv2.imwrite(str(folder / f"{key}_{kind}.png"), image.astype(form))
                files = {kind: f"{key}_{kind}.png" for kind, _, _ in drawn}
                rows.append(
                    Sample(
                        key, split, label, "bona_fide" if label else "print_flat", f"{domain}-{split}-{i // 4}", domain,
                        box=(14.0, 12.0, 34.0, 36.0), simulated=True, **files,
                    )
                )  # fmt: skip
    Manifest(tuple(rows), root=folder, name="tiny").write(folder / "manifest.csv")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "tiny.json"
    path.write_text(json.dumps(RECIPE))
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, captures: Path, recipe: str) -> Path:
    out = tmp_path_factory.mktemp("run") / "mmdg"
    arguments = ["train", recipe, "--protocol", "abc_d", "--data", str(captures), "--out", str(out), "--seed", "1"]
    assert main(arguments) == 0
    return out


def test_its_page_says_the_command_with_protocol_and_data(run: Path, captures: Path, recipe: str) -> None:
    command = read_training(run).command
    assert command == f"facewarden train {recipe} --data {captures} --protocol abc_d --out {run} --seed 1"


def test_it_learned_from_the_sources_alone(run: Path, captures: Path) -> None:
    artifact = load_artifact(run)
    assert artifact.recipe["protocol"] == "abc_d"
    assert "abc_d" in artifact.card.training_data
    assert artifact.rule is not None
    source = Manifest.read(captures).where(domain=("alder", "birch", "cedar"))
    assert artifact.rule.n_bona_fide == len(source.where(split="dev", label=1))
    results = json.loads((run / "results.json").read_text())
    assert set(results["by_domain"]) == {"dogwood"}
    assert results["training"]["samples"] == len(source.where(split="train"))


def test_the_log_tells_every_sensor_at_every_epoch(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "run" / "training.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for what in ("loss", "prototype_gradient", "rebalanced_gradient", "conflict", "fastest", "certainty"):
        for name in ("rgb", "depth", "infrared"):
            assert all(np.isfinite(line[f"{what}/{name}"]) for line in lines)
    assert all(abs(sum(line[f"fastest/{n}"] for n in ("rgb", "depth", "infrared")) - 1) < 1e-9 for line in lines)


def test_killed_and_resumed_it_ends_with_the_same_bits(
    run: Path, captures: Path, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "again"

    class KilledError(Exception):
        pass

    def cut_short(*arguments: object, **keywords: object) -> None:
        fit(*arguments, stop_after=2, **keywords)  # type: ignore[arg-type]
        raise KilledError

    monkeypatch.setattr("facewarden.training.detector.fit", cut_short)
    with pytest.raises(KilledError):
        api.train(recipe, out=out, data=(str(captures),), protocol="abc_d", seed=1)
    monkeypatch.setattr("facewarden.training.detector.fit", fit)
    api.train(recipe, out=out, data=(str(captures),), protocol="abc_d", seed=1, resume=True)
    assert (out / "weights.safetensors").read_bytes() == (run / "weights.safetensors").read_bytes()
    assert (out / "run" / "training.jsonl").read_bytes() == (run / "run" / "training.jsonl").read_bytes()
    for changed in ("abd_c", "leave_one_domain_out:dogwood"):
        with pytest.raises(BadInputError, match="protocol"):
            api.train(recipe, out=out, data=(str(captures),), protocol=changed, seed=1, resume=True)


def test_a_published_protocol_is_trained_on_the_layouts_of_its_sets(recipe: str, tmp_path: Path) -> None:
    sets = [f"{name}:{twin(name)}" for name in ("wmca", "casia_surf", "casia_cefa", "padisi")]
    arguments = [
        "train",
        recipe,
        "--protocol",
        "cps_w",
        "--data",
        *sets,
        "--epochs",
        "1",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(arguments) == 0
    artifact = load_artifact(tmp_path / "run")
    assert artifact.recipe["protocol"] == "cps_w"
    assert set(json.loads((tmp_path / "run" / "results.json").read_text())["by_domain"]) == {"wmca"}
    stated = artifact.card.training_data
    assert all(name in stated for name in ("casia_surf", "casia_cefa", "padisi"))


@pytest.mark.parametrize(
    ("protocol", "message"),
    [("abx_d", "no protocol"), ("cps_w", "domain"), ("manifest_split:x", "does not take"), ("bcd", "no protocol")],
)
def test_protocols_that_cannot_be(protocol: str, message: str, captures: Path, recipe: str, tmp_path: Path) -> None:
    with pytest.raises(FacewardenError, match=message):
        api.train(recipe, out=tmp_path / "out", data=(str(captures),), protocol=protocol)


def test_its_report_shows_the_balance_of_the_sensors(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(run), "--out", str(tmp_path)]) == 0
    page = (tmp_path / "training.html").read_text(encoding="utf-8")
    assert "training.html" in capsys.readouterr().out
    for words in ("Balance of the sensors", "Conflicts between sensors", "3 of 3 epochs", "simulated", "dogwood"):
        assert words in page
    assert "<script" not in page
    assert main(["report", str(run), "--out", str(tmp_path), "--form", "markdown"]) == 0
    text = (tmp_path / "training.md").read_text(encoding="utf-8")
    figures = sorted((tmp_path / "training_figures").glob("*.svg"))
    assert figures
    assert all(f"({figure.parent.name}/{figure.name})" in text for figure in figures)


def test_an_audit_takes_it(run: Path, captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "PRESETS", {"quick": TINY})
    monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path / "home"))  # nothing is fetched: no section of recognizers
    arguments = ["audit", "--detector", str(run), "--captures", str(captures), "--preset", "quick"]
    assert main([*arguments, "--out", str(tmp_path / "audit")]) == 0
    data = json.loads((tmp_path / "audit" / "report.json").read_text(encoding="utf-8"))
    assert data["parts"][0]["name"] == "mmdg"
    assert {"eer", "bpcer"} <= {metric["name"] for metric in data["presentation"]["metrics"]}
    assert {metric["name"] for metric in data["perturbation"]["metrics"]} & {"success_rate"}


def test_its_uncertainty_is_drawn_without_a_face_unless_asked(run: Path, captures: Path, tmp_path: Path) -> None:
    arguments = ["explain", str(captures), "--detector", str(run), "--limit", "2"]
    assert main([*arguments, "--out", str(tmp_path / "bare")]) == 0
    told = json.loads((tmp_path / "bare" / "uncertainty.json").read_text())["captures"]
    assert sorted(one["label"] for one in told.values()) == [0, 1]
    grid = np.array(next(iter(told.values()))["depth"])
    assert grid.shape == (2, 2)
    assert grid.min() >= 0
    assert grid.max() < 1
    pictures = sorted((tmp_path / "bare").rglob("*.png"))
    assert [path.name for path in pictures] == ["depth.png", "infrared.png", "rgb.png"] * 2
    assert main([*arguments, "--out", str(tmp_path / "faces"), "--with-faces"]) == 0
    for path in pictures:
        bare, faces = (np.asarray(Image.open(base / path.relative_to(tmp_path / "bare")).convert("RGB"))
                       for base in (tmp_path / "bare", tmp_path / "faces"))  # fmt: skip
        inner = (slice(100, -100), slice(60, 300))
        flat, textured = (len(np.unique(image[inner].reshape(-1, 3), axis=0)) for image in (bare, faces))
        assert flat < 20  # four patches and the seams between them
        assert textured > 2 * flat or path.name == "depth.png"  # a flat print has no relief to see


def test_what_cannot_be_explained(
    run: Path, captures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["explain", str(captures), "--out", str(tmp_path / "out")]
    for more, words in (
        (["--detector", "multi_cnn"], "uncertainty"),
        (["--detector", str(run), "--keys", "nobody"], "nobody"),
        (["--detector", str(run), "--block", "9"], "block 9"),
    ):
        assert main([*arguments, *more]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("other", [{"depth": 3}, {"trunk": "vit_tiny_patch16_224:fresh"}, {"hidden": 4}])
def test_weights_of_another_trunk_are_refused(run: Path, tmp_path: Path, other: dict[str, object]) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    for path in run.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    card = json.loads((folder / "card.json").read_text())
    card["settings"].update(other)
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(BadInputError, match="do not fit"):
        Mmdg.from_artifact(folder)


def test_a_run_of_another_preset_is_not_gone_on_with(run: Path, captures: Path, tmp_path: Path) -> None:
    released = tmp_path / "released.json"
    released.write_text(json.dumps({**RECIPE, "model": {**RECIPE["model"], "preset": "released"}}))  # type: ignore[dict-item]
    with pytest.raises(BadInputError, match="model"):
        api.train(str(released), out=run, data=(str(captures),), protocol="abc_d", seed=1, resume=True)
