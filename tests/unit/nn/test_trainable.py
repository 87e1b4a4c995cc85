"""What a detector must offer to be trained, and which parameters weight decay shrinks."""

from __future__ import annotations

import inspect

import pytest
from torch import nn

from facewarden.core import registry
from facewarden.core.roles import Detector
from facewarden.nn.trainable import Trainable, decay_groups

TRAINED = (
    "ama",
    "cmfl",
    "color_cnn",
    "color_cnn_robust",
    "dadm",
    "iadg",
    "mm_cdcn",
    "mmda",
    "mmdg",
    "mmdg_plus_plus",
    "multi_cnn",
    "multitask",
    "ssan",
    "ssdg",
    "vit_cdc_adapter",
    "vp_fas_like",
    "vit_concat",
    "unimodal_ensemble",
)
CLOSED_FORMS = (
    "chance",
    "plane_ridge",
    "sensor_evidence",
    "statistics_ridge",
    "texture_ridge",
    "thumbnail_neighbors",
    "thumbnail_ridge",
    "trunk_ridge",
)


def test_every_detector_with_a_network_of_its_own_is_trainable_and_no_other() -> None:
    entries = {entry.name: registry.load("pad", entry.name) for entry in registry.list_entries("pad")}
    assert {name for name, entry in entries.items() if issubclass(entry, Trainable)} == {*TRAINED, *CLOSED_FORMS}
    assert all(issubclass(entry, Detector) for entry in entries.values())


def test_a_detector_that_lacks_a_part_cannot_be_made() -> None:
    class NoCrop(Trainable):
        predict = untrained = from_artifact = lambda self: None  # type: ignore[assignment]

    assert inspect.isabstract(NoCrop)
    with pytest.raises(TypeError, match="crop"):
        NoCrop()  # type: ignore[abstract]


def test_decay_shrinks_matrices_and_filters_that_learn() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 1))
    network[3].weight.requires_grad_(False)
    matrices, others = decay_groups(network.parameters(), decay=0.1)
    assert (matrices["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert [p.shape for p in matrices["params"]] == [network[0].weight.shape]
    assert [p.shape for p in others["params"]] == [(4,), (4,), (4,), (1,)]
