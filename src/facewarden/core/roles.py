"""The roles a model can play, each with a final public method that checks what the plug-in gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch, check_unit_range
from facewarden.core.card import Card
from facewarden.core.compute.computing import Computing
from facewarden.core.compute.device import device_of
from facewarden.core.compute.precision import at_least_single
from facewarden.core.errors import ContractError, NotFiniteError
from facewarden.core.guards.contracts import forbid_override, form_of, left_alone, set_rows
from facewarden.core.labels import Modality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHARES = 2.0  # no box of a face in pixels has all its coordinates within this
_SHORTEST = 1e-12  # below this, `normalize` no longer gives a unit vector


@dataclass(frozen=True, eq=False)
class PadOutput:
    """What a presentation attack detector says of a batch.

    Attributes:
        score: `(b,)` logit, higher = more bona fide.
        features: `(b, d)` the representation before the last layer, where the detector offers one.
        tasks: outputs of further heads by name, first axis `b`.
    """

    score: Tensor
    features: Tensor | None = None
    tasks: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> PadOutput:
        """Return the output with every tensor on a device."""
        if all(tensor.device == device for tensor in (self.score, *self.tasks.values())) and (
            self.features is None or self.features.device == device
        ):
            return self
        features = None if self.features is None else self.features.to(device)
        tasks = {name: task.to(device) for name, task in self.tasks.items()}
        return replace(self, score=self.score.to(device), features=features, tasks=tasks)

    def widened(self) -> PadOutput:
        """Return the output in float32 where it is narrower."""
        features = None if self.features is None else at_least_single(self.features)
        tasks = {name: at_least_single(task) for name, task in self.tasks.items()}
        return replace(self, score=at_least_single(self.score), features=features, tasks=tasks)


class Detector(nn.Module, Computing, ABC):
    """A presentation attack detector: `FaceBatch` in, `PadOutput` out.

    Subclasses set `card` and the class attributes, and implement `predict`. Preprocessing (crop of the face box, size,
    normalization, channel order) belongs inside `predict` and must be differentiable unless `differentiable` is False.

    Attributes:
        modalities: what the detector reads.
        optional: modalities that may be absent from a batch or from single samples.
        needs_box: whether it crops the frame by the face box.
        heads: names of further outputs in `PadOutput.tasks`.
        frame_size: side in pixels of the frames it is best given, a hint for readers of photos.
        squash: side in pixels to which readers bring each sensor's frame without a face box by itself, whatever its
            shape; None where the sensors must be on one grid.
    """

    card: Card
    modalities: tuple[Modality, ...] = ("rgb",)
    optional: tuple[Modality, ...] = ()
    needs_box: bool = False
    heads: tuple[str, ...] = ()
    frame_size: int = 224
    squash: int | None = None
    differentiable: bool = True

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        forbid_override(cls, Detector, "forward", "__call__")

    @abstractmethod
    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score a batch whose modalities and box have been checked."""

    def targets(self, batch: FaceBatch) -> Mapping[str, Tensor]:
        """What the heads should say of a batch, by head; a detector that crops maps for itself brings them to its view.

        Args:
            batch: what is known of it is in `tasks` and `label`.
        """
        return dict(batch.tasks)

    @final  # type: ignore[misc]
    def forward(self, batch: FaceBatch) -> PadOutput:
        """Score a batch.

        Args:
            batch: on any device; it is computed where the detector's weights are, and the output comes back to where
                the images were.

        Raises:
            ContractError: a modality or the box is missing, or `predict` returned something that is not a score for
                each sample.
            NotFiniteError: a score is NaN or infinite; the samples are named.
        """
        name, caller = self.told_as or type(self).__name__, batch.device
        batch = batch.to(device_of(self) or caller)
        for modality in self.modalities:
            if modality in self.optional:
                continue
            if modality not in batch.images or not bool(batch.present[modality].all()):
                raise ContractError(
                    f"{name} needs {modality} for every sample", hint=f"give {modality}, or a detector that takes less"
                )
        if self.needs_box and batch.box is None:
            raise ContractError(f"{name} crops by the face box, but the batch has none", hint="FaceBatch(..., box=...)")
        if self.needs_box and batch.box is not None and bool((batch.box.abs().amax(dim=1) <= _SHARES).any()):
            raise ContractError(f"{name}: the face box is in shares of the frame", hint="x0 y0 x1 y1 in pixels")
        with left_alone(batch.images.values(), owner=name), self.computing(batch.device):
            output = self.predict(batch)
        score = output.score if isinstance(output, PadOutput) else None
        if not isinstance(score, Tensor) or score.shape != (len(batch),):
            got = form_of(output if score is None else score)
            raise ContractError(
                f"{name} must give a PadOutput with a score of shape ({len(batch)},), got {got}",
                hint="one logit a sample",
            )
        bad = set_rows(~torch.isfinite(output.score.detach()))
        if bad:
            keys = ", ".join(batch.key[row] for row in bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
            what = f"the score {float(output.score.detach()[bad[0]])}, which is not finite,"
            raise NotFiniteError(f"{name} gave {what} for {keys}", hint="look at its weights and input", rows=bad)
        if set(output.tasks) - set(self.heads):
            raise ContractError(
                f"{name} gives heads {sorted(output.tasks)} but declares {self.heads}", hint="declare them"
            )
        return (output if self.asked_precision is None else output.widened()).to(caller)


class Recognizer(nn.Module, Computing, ABC):
    """A face embedder: aligned crops in, unit vectors out.

    Input is the 112x112 crop on the five-point ArcFace template; a network that wants another size resamples it inside.

    Attributes:
        dim: length of the embedding.
        differentiable: whether gradients reach the pixels.
        evaluation_only: whether it is kept out of cloaks and trainings, so that results on it say how they carry over.
    """

    card: Card
    dim: int
    size: ClassVar[int] = 112
    differentiable: bool = True
    evaluation_only: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        forbid_override(cls, Recognizer, "forward", "embed", "__call__")

    def __init__(self) -> None:
        super().__init__()
        self.eval()  # published weights are used, not trained; whoever trains one says train()

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Raw embedding `(b, dim)` of checked crops `(b, 3, 112, 112)` in [0, 1]."""

    def halves(self) -> tuple[Callable[[Tensor], Tensor], nn.Module] | None:
        """A lower part that stays as it is and a trainable copy of the part above it, whose output is `features`.

        What trains a recognizer end to end can then read the lower part once. None where the network has no such cut.
        """
        return None

    @final
    def embed(self, images: Tensor) -> Float[Tensor, "b d"]:
        """Embed aligned faces as unit vectors.

        Args:
            images: `(b, 3, 112, 112)` RGB in [0, 1], on any device; the vectors come back to the same.

        Raises:
            ContractError: wrong shape or range, or a network that returned something else than `(b, dim)`.
            NotFiniteError: vectors that are not finite, or of length zero.
        """
        name = self.told_as or type(self).__name__
        if images.ndim != 4 or images.shape[1:] != (3, self.size, self.size):
            raise ContractError(
                f"{name} expects (b, 3, {self.size}, {self.size}), got {tuple(images.shape)}",
                hint="align first: facewarden.align.align_face",
            )
        check_unit_range(images, what=name)
        here = images.to(device_of(self) or images.device)
        with left_alone([here], owner=name), self.computing(here.device):
            raw = self.features(here)
        if self.asked_precision is not None and isinstance(raw, Tensor):
            raw = at_least_single(raw)
        expected, shape = (images.shape[0], self.dim), tuple(getattr(raw, "shape", ()))
        if shape != expected:
            raise ContractError(f"{name} must give finite {expected}, got {shape}", hint="")
        bad = set_rows(~torch.isfinite(raw.detach()).all(dim=1))
        if bad:
            raise NotFiniteError(
                f"{name} must give finite {expected}, got NaN or infinity in {len(bad)} of them, first in {bad[0]}",
                hint="look at its weights and input",
                rows=bad,
            )
        bad = set_rows(raw.detach().norm(dim=1) < _SHORTEST)
        if bad:
            raise NotFiniteError(
                f"{name} gave a zero vector, which has no direction", hint="look at its weights", rows=bad
            )
        return nn.functional.normalize(raw, dim=1).to(images.device)

    @final  # type: ignore[misc]
    def forward(self, images: Tensor) -> Float[Tensor, "b d"]:
        """Same as `embed`."""
        return self.embed(images)


class Purifier(Computing, ABC):
    """Something applied to every training image so that a recognizer learns the face and not the cloak.

    Attributes:
        differentiable: whether gradients flow through `purify`.
        network: what it computes with; None for one without weights, which computes where the images are.
    """

    card: Card
    differentiable: bool = False
    network: nn.Module | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        forbid_override(cls, Purifier, "__call__")

    @abstractmethod
    def purify(self, images: Tensor) -> Tensor:
        """Purify checked images `(b, 3, h, w)` in [0, 1]."""

    def to(self, device: torch.device | str) -> Purifier:
        """Place its network on a device."""
        if self.network is not None:
            self.network.to(device)
        return self

    @final
    def __call__(self, images: Tensor) -> Float[Tensor, "b 3 h w"]:
        """Remove perturbations from images; checks what goes in and what comes out.

        Args:
            images: `(b, 3, h, w)` RGB in [0, 1], any size, on any device; the result comes back to the same.

        Raises:
            ContractError: input or output out of shape or range, or an output of another dtype.
        """
        name = self.told_as or type(self).__name__
        if images.ndim != 4 or images.shape[1] != 3:
            raise ContractError(f"{name} expects (b, 3, h, w), got {tuple(images.shape)}", hint="give RGB images")
        check_unit_range(images, what=name)
        device = None if self.network is None else device_of(self.network)
        here = images.to(device or images.device)
        with left_alone([here], owner=name), self.computing(here.device):
            output = self.purify(here)
        if self.asked_precision is not None and isinstance(output, Tensor):
            output = output.to(images.dtype).clamp(0.0, 1.0)  # rounding to half precision may step over white
        output = output.to(images.device) if isinstance(output, Tensor) else output
        output = output.clone() if output is images else output  # whoever changes the result keeps the images
        before, after = form_of(images), form_of(output)
        if before != after:
            raise ContractError(f"{name} turned {before} into {after}", hint="keep shape and dtype")
        check_unit_range(output, what=f"output of {name}")
        return output


@dataclass(frozen=True)
class FaceLocation:
    """Where a face is in a photo.

    Attributes:
        box: x0 y0 x1 y1 in pixels.
        landmarks: five (x, y) in pixels, as seen: left eye, right eye, nose tip, left and right mouth corner.
        score: the finder's confidence in [0, 1].
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    score: float = 1.0


class Aligner(ABC):
    """A face finder: a photo in, the faces in it out."""

    @abstractmethod
    def locate(self, image: NDArray[np.uint8]) -> tuple[FaceLocation, ...]:
        """Find faces in an `(h, w, 3)` RGB photo, best first; an empty tuple when there is none."""
