"""A folder of results goes on with what it was begun with, by content: other bytes under one name are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facewarden.auditing import presets
from facewarden.core.errors import BadInputError
from facewarden.core.identity.inputs import INPUTS, check_inputs
from facewarden.core.run import RunFolder
from facewarden.experiments.engine.kind import PlanKind
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.experiments.plans.adversarial_training import AdversarialTraining
from facewarden.experiments.plans.cloaking import Cloaking
from facewarden.experiments.plans.presentation import PresentationKind
from facewarden.experiments.plans.vulnerability import VulnerabilityKind
from facewarden.pad.onnx_file import OnnxDetector
from facewarden.recognizers.onnx_file import OnnxRecognizer
from facewarden.verbs.audit import audit
from facewarden.verbs.bench import run_plan
from facewarden.verbs.train import train
from stand_in_kind import Draws
from tiny_captures import write_captures


def test_what_changed_is_named_and_what_is_new_is_written_down(tmp_path: Path) -> None:
    check_inputs(tmp_path, {})
    assert not (tmp_path / INPUTS).exists()
    check_inputs(tmp_path, {"captures": "a"})
    check_inputs(tmp_path, {"captures": "a", "model x": "b"})  # a plan that grew
    check_inputs(tmp_path, {"model x": "b"})  # and one that shrank
    with pytest.raises(BadInputError, match=r"was begun with other model x: what is there today under the same name"):
        check_inputs(tmp_path, {"captures": "a", "model x": "c"})
    assert json.loads((tmp_path / INPUTS).read_text()) == {"captures": "a", "model x": "b"}
    (tmp_path / INPUTS).write_text("[")
    with pytest.raises(BadInputError, match=r"inputs\.json: cannot be read"):
        check_inputs(tmp_path, {"captures": "a"})


def test_a_run_refuses_other_inputs_and_one_without_a_record_goes_on(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", recipe={"a": 1}, inputs={"faces": "1"})
    RunFolder(tmp_path / "run", recipe={"a": 1}, inputs={"faces": "1"}, resume=True)
    with pytest.raises(BadInputError, match="begun with other faces"):
        RunFolder(tmp_path / "run", recipe={"a": 1}, inputs={"faces": "2"}, resume=True)
    (tmp_path / "run" / INPUTS).unlink()  # as an earlier release left it
    RunFolder(tmp_path / "run", recipe={"a": 1}, inputs={"faces": "2"}, resume=True)


def captures_in(folder: Path, *, shade: int = 0) -> Path:
    """A set named `set`, whose first picture of every split is of a shade."""
    (folder / "set").mkdir(parents=True)
    manifest = write_captures(folder / "set")
    for split in ("train", "dev", "test"):
        path = folder / "set" / f"{split}0.png"
        image = cv2.imread(str(path))
        assert image is not None
        cv2.imwrite(str(path), np.clip(image.astype(int) + shade, 0, 255).astype(np.uint8))
    return manifest


def test_training_does_not_go_on_with_other_captures_of_one_name(tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.json"
    recipe.write_text(json.dumps({
        "entry": "multi_cnn", "summary": "a tiny one", "training": {"epochs": 1, "batch": 8, "margin": 1},
        "model": {"backbone": "lcnet_035", "width": 8, "size": 32},
    }))  # fmt: skip
    first, other = captures_in(tmp_path / "a"), captures_in(tmp_path / "b", shade=9)
    train(str(recipe), out=tmp_path / "out", captures=first)
    moved = tmp_path / "moved" / "set"
    shutil.copytree(first.parent, moved)
    train(str(recipe), out=tmp_path / "out", captures=moved / first.name, resume=True)  # the same bytes elsewhere
    with pytest.raises(BadInputError, match="begun with other captures"):
        train(str(recipe), out=tmp_path / "out", captures=other, resume=True)


def test_an_audit_does_not_go_on_when_the_card_of_its_detector_says_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(
        presets.PRESETS["quick"], attacked_per_class=2, budgets=(8,), pgd_steps=1, people=4, cloaking_people=1,
        photos_per_person=4, cloak_steps=1, rounds=20,
    )  # fmt: skip
    monkeypatch.setattr(presets, "PRESETS", {"quick": tiny})
    OnnxDetector.example(tmp_path)
    card = tmp_path / "tiny.json"
    captures = captures_in(tmp_path)
    asked: dict[str, Any] = {
        "detector": str(tmp_path / "tiny.onnx"), "captures": captures, "preset": "quick", "out": tmp_path / "run",
        "recognizer": _recognizer(tmp_path / "r", seed=0), "surrogate": _recognizer(tmp_path / "s", seed=1),
    }  # fmt: skip
    audit(**asked)
    values = json.loads(card.read_text())
    card.write_text(json.dumps({**values, "settings": {**values["settings"], "bona_fide": 0}}))
    with pytest.raises(BadInputError, match="begun with other detector"):
        audit(**asked, resume=True)
    card.write_text(json.dumps(values))
    audit(**asked, resume=True)


def _recognizer(folder: Path, *, seed: int) -> str:
    folder.mkdir(exist_ok=True)
    OnnxRecognizer.example(folder)
    (model,) = folder.glob("*.onnx")
    values = json.loads(model.with_suffix(".json").read_text())
    model.with_suffix(".json").write_text(json.dumps({**values, "name": f"tiny_{seed}"}))
    return str(model)


class _Reading(Draws):
    """Draws that read a file besides."""

    def inputs(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        return {"file": self.content}

    content = "1"


def test_a_plan_does_not_go_on_with_other_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "draws.yaml").write_text("kind: draws\nseeds: [0]\n")
    read = read_plan(str(tmp_path / "draws.yaml"))
    run_plan(read, _Reading(), out=tmp_path / "out")
    run_plan(read, _Reading(), out=tmp_path / "out", resume=True)
    monkeypatch.setattr(_Reading, "content", "2")
    held = json.loads((tmp_path / "out/plan.json").read_text())
    (tmp_path / "draws.yaml").write_text("kind: draws\nseeds: [5, 6]\n")
    with pytest.raises(BadInputError, match="begun with other file"):
        run_plan(read_plan(str(tmp_path / "draws.yaml")), _Reading(), out=tmp_path / "out", resume=True)
    assert json.loads((tmp_path / "out/plan.json").read_text()) == held  # it said seeds that were never run


def test_every_kind_of_plan_knows_its_captures_photos_and_models_by_content(tmp_path: Path) -> None:
    captures = str(captures_in(tmp_path))
    OnnxDetector.example(tmp_path)
    detector, judge = str(tmp_path / "tiny.onnx"), _recognizer(tmp_path / "judge", seed=0)
    faces = tmp_path / "faces" / "ann"
    faces.mkdir(parents=True)
    cv2.imwrite(str(faces / "1.png"), np.zeros((20, 20, 3), np.uint8))
    attacks = {"fgsm": {"eps": 4, "readings": ["none"]}}
    plans: list[tuple[PlanKind, dict[str, Any], set[str]]] = [
        (
            VulnerabilityKind(),
            {"captures": captures, "models": {"one": detector}, "heads": ["live"], "attacks": attacks},
            {f"captures {captures}", "model one"},
        ),
        (
            PresentationKind(),
            {"data": {"simulate": {"faces": str(faces.parent)}}, "methods": {"a": {"recipe": "multi_cnn"}},
             "parts": [{"title": "t", "protocols": ["abc_d"], "methods": ["a"]}]},
            {f"faces {faces.parent}"},
        ),
        (
            Cloaking(),
            {"set": str(faces.parent), "recognizers": [judge], "purifiers": {},
             "cloaks": {"c": {"attack": "lowkey", "level": "8", "surrogates": [judge]}},
             "tables": [{"title": "t", "cloaks": ["c"], "purifiers": ["none"], "trackers": ["nearest"]}]},
            {f"faces {faces.parent}", f"model {judge}"},
        ),
        (
            AdversarialTraining(),
            {"captures": captures, "recipe": "multi_cnn", "methods": {"more": {"training": {"epochs": 1}}},
             "attacks": attacks},
            {f"captures {captures}"},
        ),
    ]  # fmt: skip
    before = []
    for kind, settings, names in plans:
        found = dict(kind.inputs(settings))
        assert found.keys() == names
        before.append(found)
    cv2.imwrite(str(faces / "1.png"), np.ones((20, 20, 3), np.uint8))
    cv2.imwrite(str(Path(captures).parent / "test0.png"), np.ones((48, 48, 3), np.uint8))
    for path in (tmp_path / "tiny.json", Path(judge).with_suffix(".json")):
        values = json.loads(path.read_text())
        path.write_text(json.dumps({**values, "settings": {**values["settings"], "std": 100.0}}))
    for (kind, settings, names), held in zip(plans, before, strict=True):
        after = kind.inputs(settings)
        assert {name for name in names if after[name] != held[name]} == names
