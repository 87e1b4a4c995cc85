"""Builds a cloak attack and its budget from a method's name and strength, and chooses target faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.attack import Attack
from facewarden.core.cloak import CloakSpecification, check_gray_budget, read_cloak
from facewarden.core.embedding_goal import check_surrogates
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.roles import Recognizer
from facewarden.core.seeding import derive
from facewarden.core.settings.budget import check_gray
from facewarden.core.threat import ThreatModel
from facewarden.photos.aligned import AlignedFaces, embed_all
from facewarden.photos.synthetic import drawn_faces

_STRANGERS = 20  # candidates among which the farthest is taken, as in the paper of Fawkes
_SHOTS = 4  # drawn photos of each of them, for its centroid


@dataclass(frozen=True, eq=False)
class CloakMethod:
    """An attack with its budget, as a specification makes it or a caller gives it.

    Attributes:
        attack: how the cloak is made.
        eps: largest change of a value, in gray levels; all of them where the attack has a budget of its own.
    """

    attack: Attack
    eps: float

    @property
    def threat(self) -> ThreatModel:
        """The budget on the aligned crop; the same one holds for the photo."""
        return ThreatModel(norm="linf", eps=self.eps / 255)

    def aim(self) -> dict[str, str]:
        """How targets are chosen, for records of cloaks; empty for methods whose rule never changed."""
        return {"aim": "centroid"} if self.attack.wants_target and self.attack.targets == 1 else {}

    def targets(
        self,
        surrogates: Sequence[Recognizer],
        clean: Tensor,
        *,
        keys: Sequence[str],
        seed: int,
        own: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Return target faces, one per face or several to choose from, the most different person first.

        All of them are drawn: no real face is put onto another's. An attack with one target takes it as Fawkes does:
        the stranger whose centroid is farthest from the nearest of the person's photos, and of that stranger a photo
        for each face. One with several takes for each face those that are farthest from it.

        Args:
            surrogates: by whose embeddings it is measured, together.
            clean: `(b, 3, 112, 112)` crops.
            keys: one name per crop, by which a stranger's photo is chosen.
            seed: of the drawn strangers.
            own: `(n, 3, 112, 112)`, all photos of the person of these crops; None where it is not known who they are,
                and each face is taken for a person.
        """
        each = _SHOTS if self.attack.targets == 1 else 1
        strangers = _drawn(drawn_faces, each, seed)
        pool = strangers.images(range(len(strangers)))
        candidates = _embedded(surrogates, pool)
        faces = _embedded(surrogates, clean)
        if self.attack.targets > 1:
            order = by_distance(faces, candidates)
            return tuple(pool[torch.from_numpy(order[:, place])] for place in range(self.attack.targets))
        centroids = candidates.reshape(_STRANGERS, each, -1).mean(axis=1)
        people = by_distance(faces, centroids)[:, 0]
        if own is not None:
            people = np.full(len(clean), farthest(_embedded(surrogates, own), centroids))
        photos = [derive(seed, "target", key) % each for key in keys]
        return (pool[torch.from_numpy(people * each + np.array(photos))],)


@lru_cache(maxsize=2)
def _drawn(draw: Callable[..., AlignedFaces], each: int, seed: int) -> AlignedFaces:
    return draw(people=_STRANGERS, each=each, seed=seed)


def _embedded(surrogates: Sequence[Recognizer], images: Tensor) -> NDArray[np.float32]:
    return np.concatenate([embed_all(model, images) for model in surrogates], axis=1)


def surrogate_weights(surrogates: Sequence[Recognizer], *, attack: Attack) -> list[float]:
    """Weight of every surrogate's term in the goal of a cloak: the root of 1 / (1 - its match threshold).

    No surrogate is left behind whose cosines live in a narrow band. Without the root the others fall behind; with it
    the cloak is the strongest of the three on surrogates and unseen networks alike.

    Args:
        surrogates: recognizers, each with a match threshold on its card.
        attack: what makes the cloak.

    Raises:
        BadInputError: a card states none; there is no usual value that would be right for an unknown network. Or a
            recognizer is kept for evaluation, or gives no gradients to an attack that needs them.
    """
    check_surrogates(surrogates)
    closed = [model.card.name for model in surrogates if not model.differentiable]
    if attack.needs_gradients and closed:  # before its threshold is asked for, which would not help
        raise BadInputError(
            f"{type(attack).__name__} needs gradients, which the surrogate {closed[0]} does not give",
            hint="surrogates mobilefacenet_512 dlib_resnet34, or another one that is no file or service",
        )
    weights = []
    for model in surrogates:
        threshold = model.card.match_threshold
        if threshold is None or not -1.0 < threshold < 1.0:
            raise BadInputError(
                f"no threshold: the card of {model.card.name} states match_threshold {threshold}",
                hint="facewarden evaluate verification measures it: write the cosine at the equal error rate there",
            )
        weights.append(round((1 - threshold) ** -0.5, 2))
    return weights


def by_distance(faces: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return for each face the rows of the candidates, `(n, k)`, from the largest Euclidean distance on.

    Args:
        faces: `(n, d)` embeddings.
        candidates: `(k, d)` embeddings of other people.
    """
    apart = np.linalg.norm(faces[:, None] - candidates[None], axis=2)
    return np.argsort(-apart, axis=1, kind="stable")


def farthest(faces: np.ndarray, candidates: np.ndarray) -> int:
    """Return the row of the candidate whose nearest face of a person is the farthest.

    Args:
        faces: `(n, d)` embeddings of one person's photos.
        candidates: `(k, d)` centroids of other people.

    Source: Shan et al., "Fawkes", USENIX Security 2020, section 4.
    """
    apart = np.linalg.norm(faces[:, None] - candidates[None], axis=2).min(axis=0)
    return int(apart.argmax())


def method_of(cloak: CloakSpecification, *, thorough: bool = False) -> CloakMethod:
    """Build the attack of a specification.

    Args:
        cloak: which attack, how strong, with which settings.
        thorough: the published pace of LowKey instead of its swift one.

    Raises:
        BadInputError: an unknown level or setting, or thorough with another attack.
        UnknownEntryError: no such attack.
    """
    attack, eps = cloak.build(thorough=thorough)
    return CloakMethod(attack, eps)


def choose_method(method: str | Attack, *, strength: str, eps: float | None, thorough: bool) -> CloakMethod:
    """Build the attack that a person names, or take the caller's own.

    Args:
        method: an entry of facewarden list attacks, with settings in braces behind it where needed; or an attack,
            which has its settings already.
        strength: "low", "mid" or "high".
        eps: gray levels instead of those of the strength.
        thorough: the published pace of LowKey instead of its swift one.

    Raises:
        BadInputError: an unknown strength or setting, an eps outside of (0, 255] or for a method whose budget is not
            counted in gray levels, or thorough with another method.
        UnknownEntryError: no such method.
    """
    if eps is not None:
        check_gray(eps, least=0.0)
    if isinstance(method, Attack):
        if eps is not None:
            check_gray_budget(type(method))
        made = CloakMethod(method, method.cloak_strength(strength, thorough=thorough)[1])
    else:
        wanted = read_cloak(CloakSpecification, method, level=strength, surrogates=())
        if eps is not None:
            check_gray_budget(load("attacks", wanted.attack))
        made = method_of(wanted, thorough=thorough)
    return made if eps is None else replace(made, eps=eps)
