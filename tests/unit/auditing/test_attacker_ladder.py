"""The ladder of attackers: the same attacks on every rung, more let through the more an attacker knows, gaps named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from facewarden.auditing import attacker_ladder as module
from facewarden.auditing.attacker_ladder import LADDER, ladder_of, rejected_attacks, with_ladder
from facewarden.auditing.presets import PRESETS
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.run import RunFolder
from facewarden.core.threat import ThreatModel
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, run_grid
from facewarden.reporting.codec import parse_report
from facewarden.reporting.document import Metric, Section, Table
from facewarden.reporting.findings import ranked_findings
from facewarden.reporting.gate import parse_gate
from facewarden.reporting.grades import SCALES, Verdict, capped

SIZES = replace(PRESETS["quick"], pgd_steps=10)


class Mean(Detector):
    """Score = steepness x (mean of red, less a level): black attacks of 20/255 need a change of 6/255 to pass."""

    modalities = ("rgb",)

    def __init__(self, name: str = "mean", *, differentiable: bool = True, sign: float = 1.0) -> None:
        super().__init__()
        self.card, self.differentiable = Card(name, "mean of red", "pad"), differentiable
        self.weight = torch.nn.Parameter(torch.tensor(100.0 * sign), requires_grad=False)

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(self.weight * (batch.images["rgb"][:, 0].mean(dim=(1, 2)) - 26 / 255))


def batch(count: int = 12) -> FaceBatch:
    label = torch.arange(count) % 2
    level = torch.where(label == 1, 0.5, 20 / 255).reshape(-1, 1, 1, 1)
    return FaceBatch(
        images={"rgb": level.expand(count, 3, 8, 8).clone()}, key=tuple(f"k{i}" for i in range(count)), label=label,
        species=tuple("bona_fide" if one else "print_flat" for one in label.tolist()),
        subject=tuple(f"s{i // 2}" for i in range(count)), domain=("lab",) * count,
    )  # fmt: skip


def climb(tmp_path: Path, detector: Detector, *, budget: int = 8) -> Section:
    cells = [AttackRun("pgd", load("attacks", "pgd")(), ThreatModel(eps=gray / 255)) for gray in (2, budget)]
    apcer = Metric("apcer_worst_species", 0.25, 0.1, 0.4, 40, False, "%")
    empty = Section("presentation", None, "", "not graded", metrics=(apcer,))
    section = Section("perturbation", None, "", "not graded", tables=(Table("first", ("a",), ()),))
    source = detector if detector.differentiable else Mean("other")
    setting = AttackSetup(detector, source, 0.0, 0.0, [batch()], seed=0)
    run = RunFolder(tmp_path, recipe={})
    found = run_grid(setting, cells, run)
    return with_ladder(section, ladder_of(setting, cells, sizes=SIZES, device="cpu"), found, empty, run, seed=0)


@pytest.fixture(autouse=True)
def _surrogates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another detector that has learned the opposite: what its gradients say does not carry over."""
    monkeypatch.setattr(module, "resolve_detector", lambda name, device: Mean(name, sign=-1.0))


def rates(section: Section) -> dict[str, Metric]:
    return {one.group["attacker"]: one for one in section.metrics if one.name == LADDER}


def test_knowledge_lets_more_through_and_all_rungs_are_of_the_same_attacks(tmp_path: Path) -> None:
    found = rates(climb(tmp_path, Mean()))
    assert list(found) == ["recapture_only", "transfer", "scores_100", "scores_1000", "white_box"]
    assert (found["recapture_only"].value, found["recapture_only"].n) == (0.25, 40)
    assert found["transfer"].value == 0.0  # the surrogate's way leads down
    assert found["white_box"].value == 1.0
    assert found["scores_100"].value <= found["scores_1000"].value <= found["white_box"].value
    assert found["scores_1000"].value > 0.0
    assert {one.n for name, one in found.items() if name != "recapture_only"} == {4}
    assert found["white_box"].group == {"attacker": "white_box", "eps": "8/255", "modalities": "rgb"}


def test_a_budget_that_is_too_small_lets_nothing_through(tmp_path: Path) -> None:
    found = rates(climb(tmp_path, Mean(), budget=4))
    assert found["white_box"].group["eps"] == "4/255"
    assert [found[name].value for name in ("scores_100", "scores_1000", "white_box")] == [0.0, 0.0, 0.0]


def test_what_cannot_be_measured_is_named_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURROGATES", ("mean",))
    section = climb(tmp_path, Mean(differentiable=False))
    assert {"scores_100", "scores_1000"} <= set(rates(section))
    assert not {"white_box", "transfer"} & set(rates(section))
    rows = {row[0]: row[2] for row in section.tables[1].rows}
    assert rows["white box"] == "not measured: the detector gives no gradients"
    assert rows["transfer"] == "not measured: no shipped detector reads the same sensor"


def test_the_gate_knows_a_rung_as_a_share() -> None:
    parse_gate("perturbation.ladder_success[attacker=white_box] > 0.5")
    with pytest.raises(BadInputError):
        parse_gate("perturbation.ladder_success[attacker=white_box] > 5")


def test_a_stopped_climb_goes_on_to_the_same_figures(tmp_path: Path) -> None:
    first = climb(tmp_path / "a", Mean())
    run = RunFolder(tmp_path / "a", recipe={}, resume=True)
    assert (run.path / "stages" / "ladder-square-1000.json").is_file()
    setting = AttackSetup(Mean(), Mean(), 0.0, 0.0, [batch()], seed=0)
    cells = [AttackRun("pgd", load("attacks", "pgd")(), ThreatModel(eps=8 / 255))]
    empty = Section("presentation", None, "", "not graded")
    found = run_grid(setting, cells, run)
    section = replace(first, metrics=())
    again = with_ladder(section, ladder_of(setting, cells, sizes=SIZES, device="cpu"), found, empty, run, seed=0)
    assert rates(again)["white_box"] == rates(first)["white_box"]
    assert "recapture_only" not in rates(again)  # without presentations there is no such rate


def test_only_attacks_that_are_rejected_climb() -> None:
    chosen = rejected_attacks([batch(), batch()], at_most=7)
    assert sum(map(len, chosen)) == 7
    assert all(not bool(one.label.any()) for one in chosen if one.label is not None)
    live = batch().select(torch.arange(1, 12, 2))
    assert rejected_attacks([live], at_most=7) == []


def graded(tmp_path: Path, detector: Detector, *, count: int = 40) -> Section:
    """A section whose grid, with gradients of another detector, flips nothing."""
    cells = [AttackRun("pgd", load("attacks", "pgd")(), ThreatModel(eps=8 / 255))]
    source = detector if detector.differentiable else Mean("other", sign=-1.0)
    setting = AttackSetup(detector, source, 0.0, 0.0, [batch(count)], seed=0)
    run = RunFolder(tmp_path, recipe={})
    rate = Metric(
        "success_rate", 0.0, 0.0, 0.04, 90, False, "%", {"attack": "pgd", "eps": "8/255", "modalities": "rgb"}
    )
    section = Section(
        "perturbation", "A", "Nothing flips.", "0.0 %", metrics=(rate,), tables=(Table("first", ("a",), ()),)
    )
    empty = Section("presentation", None, "", "not graded")
    sizes = replace(SIZES, attacked_per_class=64)
    climbing = ladder_of(setting, cells, sizes=sizes, device="cpu")
    return with_ladder(section, climbing, run_grid(setting, cells, run), empty, run, seed=0)


def test_what_scores_give_away_is_in_the_finding_and_worsens_the_grade(tmp_path: Path) -> None:
    section = graded(tmp_path, Mean(differentiable=False))
    worst = rates(section)["scores_1000"]
    assert worst.low is not None
    assert worst.low > 0.15  # above the limit of B
    assert section.grade == SCALES["perturbation"].letter(worst.low)
    assert section.metrics[0] is worst
    assert "The attacks of the grid alone would get A" in section.reason
    assert section.finding.startswith("An attacker with 1,000 scores of a photo gets ")
    assert section.finding.endswith("of the rejected attacks accepted (8/255). Nothing flips.")
    held = Path(__file__).parents[3] / "docs" / "results" / "audit_default" / "report.json"
    report = replace(parse_report(held.read_text(encoding="utf-8")), perturbation=section)
    told = next(one for one in ranked_findings(report) if one.rule == "perturbation/success-rate")
    assert "Attacks accepted, ladder of attackers" in told.number


def test_a_ladder_that_is_not_shown_to_be_worse_changes_no_grade() -> None:
    rung = Metric(LADDER, 0.5, 0.05, 0.95, 4, False, "%", {"attacker": "scores_100", "eps": "8/255"})
    held = Verdict("A", "0.0 %")
    assert capped(held, [rung]) == (held, None)
    assert capped(held, []) == (held, None)
    assert capped(Verdict(None, "few"), [replace(rung, low=0.9)])[0].letter is None
    assert [capped(held, [replace(rung, low=low)])[0].letter for low in (0.06, 0.2, 0.4, 0.51)] == ["B", "C", "D", "E"]
    assert capped(Verdict("F", "all"), [replace(rung, low=0.9)])[0].letter == "F"
