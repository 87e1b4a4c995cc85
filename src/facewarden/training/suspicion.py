"""Fit the likelihood of a cloak: a logistic regression on what the trained purifier takes out of faces."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facewarden.core.compute.device import device_of
from facewarden.nn.residue import residue_statistics
from facewarden.training.pairs import PairSet

_FACES = 400


def fit_suspicion(network: nn.Module, pairs: PairSet) -> dict[str, Any]:
    """Learn to tell cloaked from natural faces of the training people; JSON-able settings for a card.

    Args:
        network: the trained purifier.
        pairs: of which at most 400 are used.

    Returns:
        `weights` of the eight statistics and `bias`; the likelihood is the logistic function of their sum.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    some = pairs.rows(range(min(len(pairs), _FACES)))
    values = np.concatenate([statistics(network, crops) for crops in (some.clean, some.cloaked)])
    labels = np.repeat([0, 1], len(some))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000)).fit(values, labels)
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - (weights * scaler.mean_).sum())
    return {"weights": [round(float(weight), 6) for weight in weights], "bias": round(bias, 6)}


def statistics(network: nn.Module, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Statistics of eight-bit crops `(n, h, w, 3)`, `(n, 8)`."""
    images: Tensor = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    device = device_of(network)
    with torch.no_grad():
        cleaned = (network(part.to(device)).clamp(0, 1).to(part.device) for part in images.split(32))  # type: ignore[no-untyped-call]
        found = [residue_statistics(part, after) for part, after in zip(images.split(32), cleaned, strict=True)]  # type: ignore[no-untyped-call]
    return torch.cat(found).double().numpy()
