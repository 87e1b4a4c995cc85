"""Fit the likelihood of a cloak, and of each kind: logistic regressions on statistics of faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facewarden.core.compute.device import device_of
from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.nn.cloak_kinds import KindLines
from facewarden.nn.residue import residue_description
from facewarden.training.edits import LEARNED, edited
from facewarden.training.pairs import PairSet

_FACES = 400
_DRAWS = 4  # edited copies of each natural face

NATURAL = 0.8
"""Share of the weight that natural faces have, edited ones among them: four times that of all cloaks together.

Chosen by hand, as the penalty, after a cross-validation over the learning people of which no script keeps the figures.
"""
PENALTY = 0.03
"""Inverse strength of the penalty on the weights: there are more statistics than people."""


def fit_suspicion(network: nn.Module, pairs: PairSet) -> dict[str, Any]:
    """Learn to tell cloaked from natural and ordinarily edited faces of the training people, as settings for a card.

    Args:
        network: the trained purifier.
        pairs: of which at most 400 are used.

    Returns:
        `weights` of the statistics and `bias`; the likelihood is the logistic function of their sum.
    """
    some = pairs.rows(range(min(len(pairs), _FACES)))
    natural = [some.clean, *(_edited(some, draw) for draw in range(_DRAWS))]
    return fit_likelihood(
        np.concatenate([statistics(network, crops) for crops in natural]), statistics(network, some.cloaked)
    )


def fit_likelihood(natural: NDArray[np.float64], cloaked: NDArray[np.float64]) -> dict[str, Any]:
    """Fit the logistic function of the statistics of natural faces, edited ones among them, and of cloaked ones.

    Both kinds weigh alike in sum, however many rows there are.

    Args:
        natural, cloaked: `(n, k)` as `statistics` gives them.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = np.repeat([0, 1], [len(natural), len(cloaked)])
    regression = LogisticRegression(C=1.0, max_iter=5000, class_weight="balanced")
    model = make_pipeline(StandardScaler(), regression).fit(np.concatenate([natural, cloaked]), labels)
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - (weights * scaler.mean_).sum())
    return {"weights": [round(float(weight), 6) for weight in weights], "bias": round(bias, 6)}


def fit_kinds(natural: NDArray[np.float64], cloaked: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Fit the lines of `KindLines` on natural faces, edited ones among them, and on each kind of cloak.

    Every kind weighs as much as any other, and natural faces four times as much as all of them, however many rows there
    are: the likelihood is that of a set of photos of which a fifth are cloaked.

    Args:
        natural: `(n, statistics)`.
        cloaked: kind -> the same.

    Returns:
        Settings for a card, see `KindLines.from_settings`.

    Raises:
        BadInputError: no kind, or natural faces or a kind without rows.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    empty = [name for name, part in {"natural faces": natural, **cloaked}.items() if len(part) == 0]
    if empty or not cloaked:
        raise BadInputError(
            f"lines of kinds of cloaks: no rows of {', '.join(empty) or 'any kind'}",
            hint="give statistics of natural faces and of each kind, or leave the kind out",
        )
    names = list(cloaked)
    rows = np.concatenate([natural, *cloaked.values()])
    sizes = [len(natural), *(len(part) for part in cloaked.values())]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    shares = [NATURAL, *[(1 - NATURAL) / len(names)] * len(names)]
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


def _edited(pairs: PairSet, draw: int) -> NDArray[np.uint8]:
    """Every natural crop with one ordinary edit, drawn by its key."""
    made = []
    for crop, key in zip(pairs.clean, pairs.key, strict=True):
        rng = np.random.default_rng(derive(draw, "edit", key))
        family = str(rng.choice(sorted(LEARNED)))
        made.append(edited(crop, family, float(rng.choice(LEARNED[family])), seed=draw))
    return np.stack(made)


def statistics(network: nn.Module, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Statistics of eight-bit crops `(n, h, w, 3)`: `(n, k)`, see `residue_description`."""
    images: Tensor = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
    device = device_of(network)
    with torch.no_grad():
        cleaned = (network(part.to(device)).clamp(0, 1).to(part.device) for part in images.split(32))  # type: ignore[no-untyped-call]
        found = [residue_description(part, after) for part, after in zip(images.split(32), cleaned, strict=True)]  # type: ignore[no-untyped-call]
    return torch.cat(found).double().numpy()
