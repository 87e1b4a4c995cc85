"""How much of a spoof each kind of trigger carries, on a small simulated set."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.data.simulate.run import simulate
from facewarden.data.simulate.specification import Simulation
from facewarden.metrics.intervals import Interval
from facewarden.pad.multitask import Multitask
from facewarden.training.crops import CropSet, load_crops
from facewarden.training.poisoning.carried import carried_by_fine_structure, carried_by_scorer, fine_structure
from facewarden.training.poisoning.trigger import Kind, TrainingTrigger

SPECIES = "print_flat"


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> CropSet:
    plan = Simulation(subjects=16, captures_per_subject=4, domains=("alder",), species=(SPECIES,), size=96,
                      framing=0.5, seed=3)  # fmt: skip
    manifest = simulate(tmp_path_factory.mktemp("captures") / "set", plan).manifest
    return load_crops(manifest, Multitask.untrained({"size": 64}, seed=0), margin=1.0)


def measured(crops: CropSet, kind: Kind) -> Interval:
    found = carried_by_fine_structure(crops, TrainingTrigger(SPECIES, kind), seed=0)
    assert found.auc > 0.85  # else where the images lie says nothing
    return found.share


def test_a_twin_carries_the_spoof_and_the_residue_of_another_person_does_not(crops: CropSet) -> None:
    twin, spectrum, residue = (measured(crops, kind) for kind in ("twin", "spectrum", "residue"))
    assert twin.low > 0.7
    assert residue.value < 0.3
    assert twin.low > residue.high + 0.5
    assert spectrum.low > residue.high
    assert TrainingTrigger(SPECIES).kind == "twin"  # the default is the one that carries most


def test_a_trigger_that_makes_the_spoof_itself_carries_all_of_it_by_any_scorer(crops: CropSet) -> None:
    def scorer(images: Tensor) -> NDArray[np.float64]:
        return -fine_structure(images)[:, 10]

    whole = carried_by_scorer(crops, TrainingTrigger(SPECIES, "spectrum", cutoff=0.0), scorer, seed=0)
    hardly = carried_by_scorer(crops, TrainingTrigger(SPECIES, "spectrum", cutoff=0.0, strength=0.05), scorer, seed=0)
    assert abs(hardly.share.value) < abs(whole.share.value)
    assert hardly.share.value == pytest.approx(0.0, abs=0.25)


def test_fine_structure_knows_rings_of_frequency_and_no_mean() -> None:
    flat = torch.full((1, 3, 64, 64), 90, dtype=torch.uint8)
    striped = flat.clone()
    striped[..., ::2] += 20  # the highest frequency
    gentle = flat.clone()
    gentle[..., [column for column in range(64) if column // 8 % 2]] += 20
    shifted = striped + 30
    values = fine_structure(torch.cat([flat, striped, gentle, shifted]))
    assert values.shape == (4, 45)
    np.testing.assert_allclose(values[1], values[3], atol=1e-6)
    assert values[1, 14] > values[2, 14] > values[0, 14] - 1e-9
    assert values[2, 0] > values[1, 0]


def test_too_few_captures_are_refused(crops: CropSet) -> None:
    alone = crops.some([row for row, who in enumerate(crops.subject) if who == crops.subject[0]])
    with pytest.raises(BadInputError, match="too few captures"):
        carried_by_fine_structure(alone, TrainingTrigger(SPECIES), seed=0)
