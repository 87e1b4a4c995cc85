"""Fit which kind of cloak a face has: a multinomial logistic regression on statistics of faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.nn.cloak_kinds import KindLines

PENALTY = 0.03
"""Inverse strength of the penalty on the weights: there are more statistics than people."""


def fit_kinds(natural: NDArray[np.float64], cloaked: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Fit the lines of `KindLines` on natural faces, edited ones among them, and on each kind of cloak.

    Natural faces weigh as much as all cloaks together, and every kind as much as any other, however many rows there
    are: the likelihood is that of a set of photos of which half are cloaked.

    Args:
        natural: `(n, statistics)`.
        cloaked: kind -> the same.

    Returns:
        Settings for a card, see `KindLines.from_settings`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    names = list(cloaked)
    rows = np.concatenate([natural, *cloaked.values()])
    sizes = [len(natural), *(len(part) for part in cloaked.values())]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    shares = [0.5, *[0.5 / len(names)] * len(names)]
    weight = np.repeat([len(rows) * share / size for share, size in zip(shares, sizes, strict=True)], sizes)
    scaler = StandardScaler().fit(rows)
    model = LogisticRegression(C=PENALTY, max_iter=2000).fit(scaler.transform(rows), labels, sample_weight=weight)
    if len(names) == 1:  # two classes have one line
        coefficients, intercepts = model.coef_, model.intercept_
    else:
        coefficients = model.coef_[1:] - model.coef_[:1]
        intercepts = model.intercept_[1:] - model.intercept_[:1]
    weights = coefficients / scaler.scale_
    bias = intercepts - weights @ scaler.mean_
    return KindLines(tuple(names), torch.from_numpy(weights), torch.from_numpy(bias)).settings()
