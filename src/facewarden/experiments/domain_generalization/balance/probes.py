"""Linear probes of each sensor's class token after a training: what the joint network learned of that sensor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.device import device_of
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.roles import Detector
from facewarden.data.sample import Sample
from facewarden.nn.closed_form import DescribedRows
from facewarden.pad.parts.solved import solve_ridge

Views = Callable[[Sequence[Sample], Collection[Modality]], Iterator[FaceBatch]]


def probe_scores(
    model: Detector,
    views: Views,
    *,
    train: Sequence[Sample],
    dev: Sequence[Sample],
    test: Sequence[Sample],
    only: Collection[Modality],
) -> dict[str, dict[str, list[float]]]:
    """Sensor -> split -> scores of a ridge on that sensor's class token; dev chooses its strength.

    The same readout for every network: what it gives is how much of the class is in the token, whatever the network's
    own head made of it.

    Args:
        model: trained, with the class tokens of the three sensors side by side as its features.
        views: the views of some samples with some sensors.
        train, dev, test: of the protocol.
        only: sensors that the model was trained with; these are probed.

    Raises:
        BadInputError: the detector has no such features.
    """
    described = {name: _features(model, views, rows, only) for name, rows in
                 (("train", train), ("dev", dev), ("test", test))}  # fmt: skip
    width = described["train"].shape[1] // len(MODALITIES)
    labels = {"train": _labels(train), "dev": _labels(dev)}
    found: dict[str, dict[str, list[float]]] = {}
    for sensor in (name for name in MODALITIES if name in only):
        place = MODALITIES.index(sensor) * width
        own = {name: rows[:, place : place + width] for name, rows in described.items()}
        rows = {name: DescribedRows(own[name], labels[name]) for name in labels}
        solved = solve_ridge(rows["train"], dev=rows["dev"])
        found[sensor] = {name: solved.scores(own[name]).tolist() for name in ("dev", "test")}
    return found


def _features(
    model: Detector, views: Views, samples: Sequence[Sample], only: Collection[Modality]
) -> NDArray[np.float32]:
    device = device_of(model) or torch.device("cpu")
    parts = []
    with torch.no_grad():
        for batch in views(samples, only):
            features = model(batch.to(device)).features
            if features is None or features.shape[1] % len(MODALITIES):
                raise BadInputError(
                    f"{type(model).__name__} has no class token for each sensor", hint="mmdg, vit_cdc_adapter, ..."
                )
            parts.append(features.float().cpu().numpy())
    return np.concatenate(parts)


def _labels(samples: Sequence[Sample]) -> NDArray[np.int64]:
    return np.array([sample.label for sample in samples], np.int64)
