"""A detector as a plain network for outside attack libraries: images in, one tensor of logits out."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import check_head
from facewarden.core.roles import Detector


class OutsideLogits(nn.Module):
    """`(n, 2)` logits of the decision, or the `(n, classes)` of a head, for torchattacks, Foolbox, ART and the like.

    Class 0 is an attack presentation, class 1 bona fide; the larger logit is what the detector decides at the
    threshold. Its two-class cross-entropy is what `goal_of` climbs.

    Args:
        detector: any with gradients.
        threshold: the deployed decision threshold on the score.
        head: gives this head's logits instead of the decision's.
        batch: lends each image its face box and its other sensors; images must then come in its order. Without it
            they are crops of rgb.

    Raises:
        BadInputError: the detector has no such head, or the head gives maps.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        threshold: float = 0.0,
        head: str | None = None,
        batch: FaceBatch | None = None,
    ) -> None:
        super().__init__()
        self.detector, self.threshold, self.batch = detector, threshold, batch
        self.training = detector.training  # libraries look at it, and put it back
        self.head = None if head is None else check_head(detector, head)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n classes"]:
        """Logits of rgb images in [0, 1]."""
        if self.batch is None:
            seen = FaceBatch(images={"rgb": images}, key=tuple(map(str, range(len(images)))))
        else:
            seen = self.batch.with_images({"rgb": images})
        output = self.detector(seen)
        if self.head is None:
            score = output.score - self.threshold
            return torch.stack([torch.zeros_like(score), score], dim=1)
        logits: Tensor = output.tasks[self.head]
        if logits.ndim != 2:
            raise BadInputError(
                f"head {self.head!r} gives maps, no logits", hint="a head of classes, or facewarden's own attacks"
            )
        return logits
