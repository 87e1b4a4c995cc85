"""The audit's attacks: what succeeds on the way is kept, so that success does not fall as the budget grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facewarden.attacks.pgd import PGD
from facewarden.auditing.detector import attack_grid, seen_sensors
from facewarden.auditing.perturbation_section import AttackGrid, perturbation_section
from facewarden.auditing.presets import preset_named
from facewarden.auditing.request import AuditRequest
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.run import RunFolder
from facewarden.evaluation.attack_runs import AttackSetup, run_grid

NEEDS = AuditRequest("mobilefacenet_512", (), None, None, preset_named("standard"), "eer", 0)


class Band(Detector):
    """Takes attacks for bona fide only from 1.5 to 3.5 gray levels above the middle: a walk goes past."""

    card = Card("band", "band", "pad")
    modalities = ("rgb",)

    def predict(self, batch: FaceBatch) -> PadOutput:
        level = (batch.images["rgb"].mean(dim=(1, 2, 3)) - 0.5) * 255
        inside = (level > 1.5) & (level < 3.5)
        return PadOutput(torch.where(inside, 1.0 + level, level - 100))


def attacked(tmp_path: Path, *, transfer: bool) -> AttackGrid:
    model = Band()
    names = tuple(f"s{row}" for row in range(6))
    batch = FaceBatch(images={"rgb": torch.full((6, 3, 8, 8), 0.5)}, key=names, label=torch.zeros(6, dtype=torch.int64),
                      species=("print_flat",) * 6, subject=names)  # fmt: skip
    cells = attack_grid(model, NEEDS, transfer=transfer)
    setting = AttackSetup(model, model, 0.0, 0.0, [batch], seed=0)
    return AttackGrid(cells, run_grid(setting, cells, RunFolder(tmp_path, recipe={})), "white box", True, 0)


def test_success_on_the_way_is_kept_and_the_self_check_holds(tmp_path: Path) -> None:
    found = attacked(tmp_path / "kept", transfer=False)
    alone = {cell.threat.eps * 255: float(found.column(cell, "success_alone").mean()) for cell in found.curve(("rgb",))}
    assert alone == pytest.approx({1.0: 0.0, 2.0: 1.0, 4.0: 1.0, 8.0: 1.0})
    assert "(pgd at" not in perturbation_section(found).finding  # apgd starts beyond the band, and its check says so
    past = attacked(tmp_path / "past", transfer=True)  # the same walks to their ends
    assert "success grows with the budget (pgd at" in perturbation_section(past).finding


def test_a_transfer_walks_to_its_end() -> None:
    for transfer in (False, True):
        attack = attack_grid(Band(), NEEDS, transfer=transfer)[0].attack
        assert isinstance(attack, PGD)
        assert attack.stop_at_success is not transfer


class ThreeSensors(Band):
    """A source of gradients that can also read depth and infrared."""

    modalities = ("rgb", "depth", "infrared")
    optional = ("depth", "infrared")


class DepthAlone(Band):
    """Reads no color."""

    modalities = ("depth",)


def test_a_detector_of_color_is_never_attacked_through_depth() -> None:
    cells = attack_grid(ThreeSensors(), NEEDS, transfer=True, victim=Band())
    assert {cell.threat.modalities for cell in cells} == {("rgb",)}
    assert seen_sensors(Band(), ThreeSensors()) == ("rgb",)
    both = attack_grid(ThreeSensors(), NEEDS, transfer=True, victim=ThreeSensors())
    assert {cell.threat.modalities for cell in both} == {
        ("rgb",),
        ("depth",),
        ("infrared",),
        ("rgb", "depth", "infrared"),
    }
    # the stronger attacks take color and everything, at every budget of the preset
    stronger = [cell for cell in both if cell.name == "apgd"]
    assert {cell.threat.modalities for cell in stronger} == {("rgb",), ("rgb", "depth", "infrared")}
    assert all(cell.judged is ("rgb" in cell.threat.modalities) for cell in both)
    thorough = replace(NEEDS, sizes=preset_named("thorough"))
    names = {cell.name for cell in attack_grid(ThreeSensors(), thorough, transfer=False)}
    assert names == {"pgd", "apgd", "auto_binary", "noise"}
    with pytest.raises(BadInputError, match="reads no sensor of the detector"):
        attack_grid(DepthAlone(), NEEDS, transfer=True, victim=Band())
