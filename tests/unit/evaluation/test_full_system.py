"""Detector and recognizer as one system: IAPAR counts attacks that pass both, by hand-made faces with known answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from facewarden.align import arcface_template
from facewarden.auditing import presets
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput, Recognizer
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.evaluation.full_system.matching import NO_REFERENCE, enroll, match_captures
from facewarden.evaluation.full_system.rule import MATCH_RULE, MatchRule
from facewarden.evaluation.full_system.vectors import CaptureVectors
from facewarden.verbs.audit import AuditResult, audit
from facewarden.verbs.laboratory.lab_report import write_lab_report

POINTS = tuple((float(x), float(y)) for x, y in arcface_template(112))


class Stripe(Recognizer):
    """Which eighth of the crop is red, as a vector; a face without red has no direction."""

    card = Card("stripe", "position of red", "recognizer", match_threshold=0.9)
    dim = 8

    def features(self, images: Tensor) -> Tensor:
        return images[:, 0].reshape(-1, 112, 8, 14).mean(dim=(1, 3))


class Green(Detector):
    """Bona fide captures are greener."""

    card = Card("green", "amount of green", "pad")

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(20.0), requires_grad=False)

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(self.weight * (batch.images["rgb"][:, 1].mean(dim=(1, 2)) - 0.5))


def face(folder: Path, key: str, *, red: int, green: int) -> str:
    image = np.zeros((112, 112, 3), np.uint8)
    image[:, red * 14 : red * 14 + 14, 0] = 250
    image[..., 1] = green
    cv2.imwrite(str(folder / f"{key}.png"), image[..., ::-1])
    return f"{key}.png"


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = replace(presets.PRESETS["quick"], attacked_per_class=1, budgets=(8,), pgd_steps=1, rounds=20)
    monkeypatch.setattr(presets, "PRESETS", {"quick": quick})


def audited(captures: Path, tmp_path: Path, **more: Any) -> AuditResult:
    """An audit of the two stand-ins; one photo a person is too few for cloaking, which is left out."""
    for who in ("a", "b"):
        (tmp_path / "faces" / who).mkdir(parents=True, exist_ok=True)
        face(tmp_path / "faces" / who, "1", red=1, green=100)
    given = {"preset": "quick", "policy": "apcer=0.5", "faces": str(tmp_path / "faces"), "out": tmp_path / "run"}
    return audit(detector=Green(), recognizer=Stripe(), captures=captures, **{**given, **more})


def captures(folder: Path) -> Path:
    """Four people a split: five bona fide captures each, prints that show them, masks that show somebody else.

    Of four prints a person one is green enough to pass; of four masks two.
    """
    rows = []
    for split, first in (("dev", 0), ("test", 4)):
        for who in range(first, first + 4):
            made = [("bona_fide", who, 200)] * 5
            made += [("print_flat", who, 180 if n == 0 else 40) for n in range(4)]
            made += [("mask_rigid", (who + 1) % 8, 180 if n < 2 else 40) for n in range(4)]
            for number, (species, red, green) in enumerate(made):
                key = f"{split}{who}{number:02d}"
                rows.append(
                    Sample(
                        key=key, split=split, label=int(species == "bona_fide"), species=species,  # type: ignore[arg-type]
                        subject=f"p{who}", domain="alder", rgb=face(folder, key, red=red, green=green),
                        landmarks=POINTS, simulated=True,
                    )
                )  # fmt: skip
    manifest = folder / "captures.csv"
    Manifest(tuple(rows), root=folder, name="striped").write(manifest)
    return manifest


def test_an_audit_counts_attacks_that_pass_the_detector_and_match_their_target(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    found = audited(captures(tmp_path / "set"), tmp_path, fail_on="presentation.iapar > 0.2")
    section = found.report.presentation
    rates = {(one.name, one.group.get("species", "")): one for one in section.metrics}
    assert rates["apcer", "print_flat"].value == 4 / 16
    assert rates["apcer", "mask_rigid"].value == 8 / 16
    assert rates["iapar", "print_flat"].value == 4 / 16  # every print shows its target
    assert rates["iapar", "mask_rigid"].value == 0.0  # no mask does
    assert rates["attack_match_rate", "print_flat"].value == 1.0
    worst = rates["iapar_worst_species", ""]
    assert (worst.value, worst.n, worst.unit) == (4 / 16, 16, "%")
    assert rates["frr_full_system", ""].value == 0.0
    assert rates["frr_full_system", ""].n == 4 * 2  # three of five bona fide captures of each subject enroll it
    assert "IAPAR" in section.finding
    assert found.gate is not None
    assert not found.gate.passed
    assert [part.name for part in found.report.parts if part.role == "recognizer"] == ["stripe"]
    rule = MatchRule.read(tmp_path / "run" / MATCH_RULE)
    assert (rule.policy, rule.genuine, rule.impostor) == ("fmr=0.001", 4 * 2, 4 * 5 * 3)
    assert rule.simulated
    assert rule.words == replace(rule, simulated=False).words.removesuffix(")") + ", simulated)"
    (tmp_path / "run" / "done.json").unlink()
    again = audited(tmp_path / "set" / "captures.csv", tmp_path, fail_on="presentation.iapar > 0.2", resume=True)
    assert again.report.presentation == found.report.presentation


def test_the_laboratory_s_report_takes_iapar_and_both_thresholds_from_an_audit(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    run = tmp_path / "run"
    audited(captures(tmp_path / "set"), tmp_path)
    held = write_lab_report(run)
    by = {one.name: one for one in held.results.species}
    assert by["print_flat"].iapar is not None
    assert by["print_flat"].iapar.value == 4 / 16
    assert by["mask_rigid"].iapar is not None
    assert by["mask_rigid"].iapar.value == 0.0
    assert held.results.bpcer_matched is not None
    assert held.results.bpcer_matched.n == 4 * 2
    assert held.results.threshold == json.loads((run / "decision.json").read_text())["threshold"]
    page = (run / "lab.md").read_text(encoding="utf-8")
    assert "stripe matches at a cosine of" in page
    assert "set on 60 comparisons of two people of 4 of the development split, so few that none of them matches" in page
    assert "Results: full system" not in held.not_measured


def test_the_laboratory_s_report_of_an_audit_gives_the_figures_of_the_audit(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    whole = Manifest.read(captures(tmp_path / "set"))
    for who in range(4, 8):  # of five bona fide captures the detector rejects one that enrolls, of one subject a probe
        for number in (0, 4) if who == 4 else (0,):
            face(tmp_path / "set", f"test{who}{number:02d}", red=who, green=40)
    left = [row for row in whole if not (row.subject == "p5" and row.bona_fide)]  # its attacks have no reference
    Manifest(tuple(left), root=whole.root, name="left").write(tmp_path / "set" / "left.csv")
    audit_of = audited(tmp_path / "set" / "left.csv", tmp_path).report.presentation
    held = write_lab_report(tmp_path / "run").results
    told = {(one.name, one.group.get("species", "")): (one.value, one.low, one.high, one.n)
            for one in audit_of.metrics}  # fmt: skip
    for one in held.species:
        assert one.iapar is not None
        assert not one.iapar_is_bound
        assert (one.iapar.value, one.iapar.low, one.iapar.high, one.iapar.n) == told["iapar", one.name]
    assert told["iapar", "print_flat"][3] == 3 * 4
    assert held.bpcer_matched is not None
    assert told["frr_full_system", ""] == (held.bpcer_matched.value, held.bpcer_matched.low, held.bpcer_matched.high,
                                           held.bpcer_matched.n)  # fmt: skip
    assert (held.bpcer_matched.value, held.bpcer_matched.n) == (1 / 6, 6)
    assert "such as those that enroll" in (tmp_path / "run" / "lab.md").read_text(encoding="utf-8")


def test_where_subjects_of_attacks_have_no_bona_fide_capture_the_report_says_so(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    whole = Manifest.read(captures(tmp_path / "set"))
    strangers = [row if row.bona_fide else replace(row, subject=f"{row.split} stranger") for row in whole]
    Manifest(tuple(strangers), root=whole.root, name="strangers").write(tmp_path / "set" / "strangers.csv")
    found = audited(tmp_path / "set" / "strangers.csv", tmp_path)
    (left,) = [one for one in found.report.presentation.left_out if "IAPAR" in one.what]
    assert "no attack of the test split shows a subject who has a bona fide capture" in left.why
    assert "subject" in left.command
    assert not [one for one in found.report.presentation.metrics if "iapar" in one.name]
    assert not (tmp_path / "run" / MATCH_RULE).exists()


def sample(key: str, subject: str, label: int = 1) -> Sample:
    return Sample(key=key, split="test", label=label, species="bona_fide" if label else "print_flat", subject=subject,
                  domain="alder", rgb=f"{key}.png")  # fmt: skip


@pytest.mark.parametrize(("captured", "enrolled"), [(1, 1), (2, 1), (3, 2), (4, 3), (9, 3)])
def test_up_to_three_captures_enroll_and_one_of_several_stays_a_probe(captured: int, enrolled: int) -> None:
    rows = [sample(f"k{n}", "a") for n in range(captured)]
    vectors = {row.key: np.eye(16)[n] for n, row in enumerate(rows)}
    references, used = enroll(rows, CaptureVectors(vectors, {}))
    assert used == {f"k{n}" for n in range(enrolled)}
    assert references["a"] == pytest.approx(np.eye(16)[:enrolled].sum(axis=0) / np.sqrt(enrolled))


def test_with_one_subject_on_dev_the_card_s_threshold_is_taken_or_asked_for(tmp_path: Path) -> None:
    whole = Manifest.read(captures(tmp_path))
    few = Manifest(
        tuple(row for row in whole if row.split == "test" or row.subject == "p0"), root=whole.root, name="few"
    )
    found = match_captures(Stripe(), few)
    assert (found.rule.threshold, found.rule.policy) == (0.9, "card")
    stripe = Stripe()
    stripe.card = Card("stripe", "position of red", "recognizer")
    with pytest.raises(BadInputError, match=r"stripe has no threshold: the development split .* of 1 subjects"):
        match_captures(stripe, few)


def test_captures_that_cannot_be_compared_are_counted_by_reason(tmp_path: Path) -> None:
    whole = Manifest.read(captures(tmp_path))
    (tmp_path / "test405.png").write_bytes(b"no picture")
    rows = [row for row in whole if not (row.subject == "p5" and row.bona_fide)]
    found = match_captures(Stripe(), Manifest(tuple(rows), root=whole.root, name="some"))
    assert found.left_out == {"unreadable capture": 1, NO_REFERENCE: 8}
    assert found.enrolled == 3
