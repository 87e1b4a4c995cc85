"""The audit's attacks through auxiliary tasks: which breaks first in words, and what has no truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from class_targets import class_targets
from facewarden.attacks.noise import entry as Noise
from facewarden.attacks.pgd import entry as PGD
from facewarden.auditing.detector import perturbation_of, presentation_of
from facewarden.auditing.perturbation_heads import attack_heads, auxiliary_heads, with_heads
from facewarden.auditing.presets import PRESETS
from facewarden.auditing.request import AuditRequest
from facewarden.core.run import RunFolder
from facewarden.core.tasks import HEADS
from facewarden.core.threat import ThreatModel
from facewarden.data.manifest import Manifest
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, grid
from facewarden.pad.multi_cnn import MultiCnn
from facewarden.pad.multitask import Multitask
from facewarden.reporting.document import Section
from many_heads import toy_faces
from tiny_captures import write_captures

CELL = AttackRun("pgd", PGD(steps=2), ThreatModel(eps=2 / 255))
SECTION = Section("perturbation", "B", "It flips.", "a rule", simulated=True)


def rows(hits: list[int], *, unlabeled: int = 0) -> dict[str, Any]:
    names = [f"p{i}" for i in range(len(hits))]
    return {"key": names, "subject": names, "success": hits, "unlabeled": unlabeled}


def test_only_tasks_beside_the_decision_are_auxiliary() -> None:
    assert auxiliary_heads(Multitask.untrained({"size": 32}, seed=0)) == HEADS[1:]
    assert auxiliary_heads(MultiCnn.untrained({}, seed=0)) == ()


def test_every_task_is_attacked_once_and_kept(tmp_path: Path) -> None:
    model = Multitask.untrained({"size": 32}, seed=0).eval()
    faces = toy_faces(6)
    assert faces.label is not None
    images = torch.nn.functional.interpolate(faces.images["rgb"], size=32)
    batch = replace(faces, images={"rgb": images}, present={}, tasks=class_targets(faces.label))
    setting = AttackSetup(model, model, 0.0, 0.0, [batch], seed=0)
    cell = grid(eps=(2, 8), sensors=[("rgb",)], attacks={"pgd": PGD(steps=1)}, noise=Noise(), transfer=False)[0]
    run = RunFolder(tmp_path / "run", recipe={})
    found = attack_heads(setting, cell, run, heads=auxiliary_heads(model))
    assert list(found) == list(HEADS[1:])
    assert {head: len(value["key"]) for head, value in found.items()} == dict.fromkeys(HEADS[1:], 3)
    assert all(value["unlabeled"] == 3 for value in found.values())
    assert (tmp_path / "run" / "stages" / "perturbation-pgd-depth_map-rgb-2.json").is_file()
    assert attack_heads(setting, cell, run, heads=()) == {}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"spoof_type": rows([1] * 30 + [0] * 10), "depth_map": rows([0] * 40, unlabeled=4)},
         "Of its auxiliary tasks spoof type breaks first: attacks through it flip 75.0%"),
        ({"spoof_type": rows([1, 1, 0, 0]), "depth_map": rows([1, 0, 0, 0])},
         "gray levels, though the interval reaches that of depth map."),
        ({"spoof_type": rows([0] * 9), "depth_map": rows([0] * 9)},
         "Through its auxiliary tasks no attack of 2 gray levels flips a decision (n = 9)."),
        ({"attributes": rows([], unlabeled=9)}, "the captures do not tell their truth"),
    ],
)  # fmt: skip
def test_the_finding_says_which_task_breaks_first(found: dict[str, Any], words: str) -> None:
    section = with_heads(SECTION, found, CELL, seed=0)
    assert section.finding.startswith("It flips. ")
    assert words in section.finding
    table = section.tables[-1]
    assert [row[0] for row in table.rows] == [head.replace("_", " ") for head in found]
    assert table.simulated
    unlabeled = {row[0]: row[2] for row in table.rows}
    assert unlabeled.get("depth map") == (4 if len(found.get("depth_map", {}).get("key", ())) == 40 else None)


def test_without_auxiliary_tasks_the_section_stays() -> None:
    assert with_heads(SECTION, {}, CELL, seed=0) is SECTION


def test_the_audit_attacks_the_tasks_of_a_detector_that_has_them(tmp_path: Path) -> None:
    manifest = Manifest.read(write_captures(tmp_path))
    model = Multitask.untrained({"size": 32}, seed=0).eval()
    needs = AuditRequest("mobilenetv3", (), None, None, replace(PRESETS["quick"], pgd_steps=1, rounds=20), "eer", 0)
    run = RunFolder(tmp_path / "run", recipe={})
    presentation = presentation_of(model, manifest, needs, run)
    section = perturbation_of(model, manifest, presentation, needs, run)
    table = next(table for table in section.tables if table.title.startswith("Attacks through the auxiliary tasks"))
    assert [row[0] for row in table.rows] == [head.replace("_", " ") for head in HEADS[1:]]
    assert "auxiliary tasks" in section.finding
