"""From a method's name and one dial to an attack and its budget, and the face to look like where it wants one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facewarden.bench.drawn import drawn_faces
from facewarden.bench.faces import embed_all
from facewarden.core.attack import Attack
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.roles import Recognizer
from facewarden.core.threat import ThreatModel

_LEVELS = {"low": 4.0, "mid": 8.0, "high": 16.0}
_FAWKES_LEVELS = 15.0
_FAWKES_THRESHOLD = {"low": 0.004, "mid": 0.007, "high": 0.012}
_STRANGERS = 20  # candidates among which the farthest is taken, as in the paper of Fawkes

THRESHOLD = {"mobilefacenet_512": 0.245, "mobilefacenet_128": 0.244, "dlib_resnet34": 0.906, "faceres": 0.52}
"""Cosine at the equal error rate on LFW's official list (`facewarden evaluate verification`)."""
_USUAL = 0.25


@dataclass(frozen=True, eq=False)
class Method:
    """An attack with its budget.

    Attributes:
        attack: how the cloak is made.
        eps: largest change of a value, in gray levels.
    """

    attack: Attack
    eps: float

    @property
    def threat(self) -> ThreatModel:
        """The budget on the aligned crop; the same one holds for the photo."""
        return ThreatModel(norm="linf", eps=self.eps / 255)

    def targets(
        self, surrogates: Sequence[Recognizer], clean: Tensor, *, seed: int, count: int = 1
    ) -> tuple[Tensor, ...]:
        """Return for every face, of twenty drawn strangers, the farthest first: no real face is put onto another's."""
        strangers = drawn_faces(people=_STRANGERS, each=1, seed=seed)
        candidates = strangers.images(range(len(strangers)))
        order = by_distance(
            np.concatenate([embed_all(model, clean) for model in surrogates], axis=1),
            np.concatenate([embed_all(model, candidates) for model in surrogates], axis=1),
        )
        return tuple(candidates[torch.from_numpy(order[:, place])] for place in range(count))


def surrogate_weights(names: Sequence[str]) -> list[float]:
    """Weight of every surrogate's term in the goal of a cloak: the root of 1 / (1 - its threshold).

    No surrogate is left behind whose cosines live in a narrow band. Without the root the others fall behind; with it
    the cloak is the strongest of the three on surrogates and unseen networks alike.

    Args:
        names: recognizers, as they are typed; of one that is not known the usual threshold is taken.
    """
    return [round((1 - THRESHOLD.get(name, _USUAL)) ** -0.5, 2) for name in names]


def by_distance(faces: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return for each face the rows of the candidates, `(n, k)`, from the largest Euclidean distance on.

    Args:
        faces: `(n, d)` embeddings.
        candidates: `(k, d)` embeddings of other people.
    """
    apart = np.linalg.norm(faces[:, None] - candidates[None], axis=2)
    return np.argsort(-apart, axis=1, kind="stable")


def choose_method(
    method: str, *, strength: str, eps: float | None, thorough: bool, settings: Mapping[str, Any] | None = None
) -> Method:
    """Build the attack of a method at a strength.

    Args:
        method: an entry of facewarden list attacks.
        strength: "low", "mid" or "high".
        eps: gray levels instead of those of the strength.
        thorough: the published pace of LowKey instead of its swift one.
        settings: arguments of the attack, on top of those of the strength.

    Raises:
        BadInputError: an unknown strength or setting, an eps outside of (0, 255], or thorough with another method.
        UnknownEntryError: no such method.
    """
    if strength not in _LEVELS or (eps is not None and not 0.0 < eps <= 255.0):
        raise BadInputError(f"strength {strength!r}, eps {eps}", hint="low, mid or high; eps in gray levels, eps=8")
    if thorough and method != "lowkey":
        raise BadInputError(f"{method} has one pace only", hint="leave --thorough out")
    build = load("attacks", method)
    usual, given = _LEVELS[strength], dict[str, Any]()
    if method == "lowkey":
        given = {"pace": "published" if thorough else "swift"}
    elif method == "fawkes":
        given, usual = {"mode": strength}, _FAWKES_LEVELS
    elif method == "fawkes_targeted":
        given, usual = {"threshold": _FAWKES_THRESHOLD[strength]}, _FAWKES_LEVELS
    try:
        attack = build(**{**given, **(settings or {})})
    except TypeError as error:
        raise BadInputError(f"settings of {method}: {error}", hint=f"the arguments of attacks/{method}.py") from None
    return Method(attack, usual if eps is None else eps)
