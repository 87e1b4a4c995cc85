"""Goals of cloaks that know which photos are of one person: away from all that is known of the person together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.objective import Images
from facewarden.core.people.hulls import nearest_in_affine_hull, nearest_in_convex_hull
from facewarden.core.roles import Recognizer

Hull = Literal["center", "affine", "convex"]
_NEAREST: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"affine": nearest_in_affine_hull, "convex": nearest_in_convex_hull}
)
_AT_MOST = 32
"""Photos that span a hull: the plane through more embeddings than they have values would contain everything."""
_RIDGE = 1e-4  # of the volume; two equal photos span none


class _OfPeople(PushAway):
    """Shared part: the embeddings of every person's clean photos, by each surrogate.

    Success and margin are those of `PushAway`: whether a photo is still taken for the face that it shows.
    """

    people: tuple[str, ...]

    def __init__(
        self,
        recognizers: Sequence[Recognizer],
        images: Tensor,
        *,
        keys: Sequence[str],
        people: Sequence[str],
        **more: Any,
    ) -> None:
        super().__init__(recognizers, images, keys=keys, people=people, **more)
        self._own = self._known()

    def select(self, rows: Sequence[int]) -> _OfPeople:
        """Return the same goal for some of the photos; what is known of a person then comes from these alone."""
        part = super().select(rows)
        assert isinstance(part, _OfPeople)
        part._own = part._known()
        return part

    def _known(self) -> tuple[dict[str, Tensor], ...]:
        people = dict.fromkeys(self.people)
        return tuple({who: reference[self._rows(who)[:_AT_MOST]] for who in people} for reference in self._reference)

    def _rows(self, who: str) -> list[int]:
        return [row for row, person in enumerate(self.people) if person == who]

    def _by_person(self, images: Images, value: Callable[[Tensor, Tensor, list[int], int], Tensor]) -> Tensor:
        """Weighted mean over the surrogates of `value(embeddings, known, rows, surrogate)`, person by person."""
        values = []
        for number, model in enumerate(self.recognizers):
            seen = model.embed(images["rgb"]).float()
            found = torch.zeros(len(seen), dtype=seen.dtype, device=seen.device)
            with torch.autocast(seen.device.type, enabled=False):  # small systems of equations need all digits
                for who in dict.fromkeys(self.people):
                    rows = self._rows(who)
                    where = torch.tensor(rows, device=seen.device)
                    known = self._own[number][who].to(seen)
                    found = found.index_put((where,), value(seen[where], known, rows, number))
            values.append(found)
        return self._mean(torch.stack(values))

    def evaluate(self, images: Images) -> tuple[Tensor, Tensor]:
        """Loss and success."""
        return self.loss(images), self.success(images)


class LeaveHull(_OfPeople):
    """Move embeddings away from the nearest point of what a person's clean embeddings span.

    Args:
        recognizers, images, keys, weights, threshold, landmarks: as in `PushAway`.
        people: who is on each face.
        hull: "center", the mean of the embeddings; "affine", the plane through them; "convex", their mixtures.

    Source: Zhong and Deng, "OPOM: Customized Invisible Cloak Towards Face Privacy Protection", TPAMI 2022.
    """

    goal = "leave_hull"
    with_copies = PushAway.with_copies

    def __init__(
        self, recognizers: Sequence[Recognizer], images: Tensor, *, hull: Hull = "convex", **more: Any
    ) -> None:
        super().__init__(recognizers, images, **more)
        self.hull = hull

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """Squared distance to the nearest point of the hull, averaged over surrogates."""
        return self._distance(images, self.hull)

    def first_loss(self, images: Images) -> Float[Tensor, " b"]:
        """Squared distance to the center: a clean photo lies in both hulls, where the distance has no slope."""
        return self._distance(images, "center")

    def _distance(self, images: Images, hull: str) -> Tensor:
        def value(seen: Tensor, known: Tensor, rows: list[int], surrogate: int) -> Tensor:
            with torch.no_grad():  # the slope of a distance to the nearest point is the one with that point held
                place = known.mean(dim=0) if hull == "center" else _NEAREST[hull](seen, known)
            return (seen - place).square().sum(dim=1)

        return self._by_person(images, value)


class RepelEachOther(_OfPeople):
    """Move embeddings away from their own clean ones, and those of one person away from each other.

    The value of each face is one minus the cosine to its clean embedding, plus log(det(G + r I) + r), where G holds the
    cosines of all faces of the person in the batch and r is 1e-4: the volume that they span, 0 where they are at right
    angles.

    Args:
        recognizers, images, keys, people, weights, threshold, landmarks: as in `LeaveHull`.

    Source: Protego, CVPR 2026, its hub term and its push term.
    """

    goal = "repel_each_other"
    with_copies = PushAway.with_copies

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """Push and volume, averaged over surrogates."""

        def value(seen: Tensor, known: Tensor, rows: list[int], surrogate: int) -> Tensor:
            clean = self._reference[surrogate][rows].to(seen)
            return 1.0 - (seen * clean).sum(dim=1) + log_volume(seen)

        return self._by_person(images, value)


class TowardsAnchor(_OfPeople):
    """Move embeddings away from the nearest of a person's clean ones and towards a stranger's.

    Args:
        recognizers, images, keys, people, weights, threshold, landmarks: as in `LeaveHull`.
        anchors: `(b, 3, 112, 112)` a stranger's face for each face; of one person the same one.

    Source: the loss of FaceCloak, arXiv 2605.19032: cosine distance to the farthest anchor less the one to the nearest
    embedding of the person.
    """

    goal = "towards_anchor"
    with_copies = PushAway.with_copies

    def __init__(self, recognizers: Sequence[Recognizer], images: Tensor, *, anchors: Tensor, **more: Any) -> None:
        super().__init__(recognizers, images, **more)
        if len(anchors) != len(images):
            raise BadInputError(f"{len(anchors)} anchors for {len(images)} faces", hint="one anchor per face")
        with torch.no_grad():
            self._anchors = tuple(model.embed(anchors) for model in self.recognizers)

    def select(self, rows: Sequence[int]) -> TowardsAnchor:
        """Return the same goal for some of the samples."""
        part = super().select(rows)
        assert isinstance(part, TowardsAnchor)
        part._anchors = tuple(anchor[list(rows)] for anchor in self._anchors)
        return part

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """Cosine to the anchor less the largest cosine to the person's clean faces, averaged over surrogates."""

        def value(seen: Tensor, known: Tensor, rows: list[int], surrogate: int) -> Tensor:
            anchor = self._anchors[surrogate][rows].to(seen)
            return (seen * anchor).sum(dim=1) - (seen @ known.T).amax(dim=1)

        return self._by_person(images, value)


def log_volume(vectors: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Logarithm of the squared volume that unit vectors span, with a ridge: 0 for one vector or right angles.

    Example:
        >>> bool(log_volume(torch.eye(3)[:2]).abs() < 1e-3)
        True
    """
    gram = vectors @ vectors.T + _RIDGE * torch.eye(len(vectors), device=vectors.device)
    volume: Tensor = torch.linalg.det(gram) + _RIDGE
    return volume.log()
