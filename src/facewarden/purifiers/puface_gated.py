"""PuFace with a gate: faces that seem to have a tint, like make-up, also lose their slow colors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.compute.precision import forced_autocast
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.roles import Purifier
from facewarden.nn.cloak_kinds import NOISE
from facewarden.purifiers.parts.learned import LearnedPurifier

_BLOCK = 32  # faces that the detector reads together: its features take far more memory than the faces


class PuFaceGated(Purifier):
    """Every face goes through `puface`; one that seems to have a tint also through `slow_color`.

    puface subtracts what its network predicts, the residual. Its detector tells tints, which puface does not remove.
    The gate opens at a low likelihood, so that few tints are missed. To renew the slow colors of smooth cloaks was no
    gain for any tracker (docs/results/purifier_two.md). Warps are not told and not removed.

    Args:
        gate: likelihood of one of `kinds`, in [0, 1], from which `slow_color` is applied.
        kinds: kinds of cloaks for which it is: "tint", "smooth" or both.
        sigma: of `slow_color`, in pixels of a crop of 112.
        precision: of puface.

    Attributes:
        kinds: every kind that the detector tells, in the order of `purified_by_kind`.

    Raises:
        BadInputError: a gate that is no likelihood, or kinds that the detector of puface does not tell.

    Source: written here; a residual behind a detector is the plan of LightShed (USENIX Security 2025).
    """

    differentiable = True

    def __init__(
        self,
        *,
        gate: float = 0.2,
        kinds: Sequence[str] = ("tint",),
        sigma: float = 8.0,
        precision: str = "float32",
    ) -> None:
        if not 0.0 <= gate <= 1.0:
            raise BadInputError(f"the gate is a likelihood in [0, 1], got {gate}", hint="gate=0.2")
        self.puface: LearnedPurifier = load("purifiers", "puface")(precision=precision)
        self.slow: Purifier = load("purifiers", "slow_color")(sigma=sigma)
        self.network, self.gate = self.puface.network, gate
        self.kinds = self.puface.kinds
        offered = [kind for kind in self.kinds if kind != NOISE]
        wanted = [kinds] if isinstance(kinds, str) else list(kinds)
        if not wanted or not set(wanted) <= set(offered):
            raise BadInputError(
                f"kinds of cloaks {', '.join(map(str, wanted)) or 'none'}: the detector tells {', '.join(offered)}",
                hint='kinds=["tint"]',
            )
        self._renewed = [place for place, kind in enumerate(self.kinds) if kind in wanted]
        own = self.puface.card
        self.card: Card = replace(
            own,
            name="puface_gated",
            summary="PuFace, and slow colors renewed in faces that seem to have a tint.",
            intended_use="purify faces of unknown origin that may have tints, like make-up, and not noise alone",
            limits="of strong tints a third stays on some recognizers; smooth cloaks are left as by puface, warps "
            "whole; a cloak made through it stays; a natural face that is taken for a tint changes visibly; aligned "
            "faces alone, since the average face is laid over the whole picture "
            "(docs/results/purifier_two.md)",
            sha256={
                f"{one.card.name}/{file}": digest
                for one in (self.puface, self.slow)
                for file, digest in one.card.sha256.items()
            },
            settings={
                "gate": gate,
                "kinds": sorted(set(wanted)),
                "sigma": sigma,
                "precision": precision,
                "features": own.settings["features"],
            },
        )

    @property
    def own_precision(self) -> str:
        """That of puface."""
        return self.puface.own_precision

    def purify(self, images: Tensor) -> Tensor:
        """Return the purified faces."""
        return self.purified_by_kind(images)[0]

    def likelihood(self, images: Tensor) -> Float[Tensor, " b"]:
        """Likelihood that each aligned face is cloaked: that of the likeliest kind, as of puface."""
        return self._own().likelihood(images)

    def purified_by_kind(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Float[Tensor, "b k"]]:
        """Purified faces, and the likelihood of each kind of cloak before.

        Args:
            images: aligned faces in [0, 1].
        """
        puface = self._own()
        restored = puface(images)
        if len(images) == 0:
            return restored, restored.new_zeros(0, len(self.kinds))
        parts = zip(torch.split(images.detach(), _BLOCK), torch.split(restored.detach(), _BLOCK), strict=True)
        with forced_autocast("float32", images.device):  # the detector reads in single precision, as it was fitted
            each = torch.cat([puface.kind_likelihoods(*part) for part in parts])
        open_gate = each[:, self._renewed].amax(dim=1) >= self.gate
        if not bool(open_gate.any()):
            return restored, each
        renewed = self.slow(restored[open_gate])
        return restored.index_copy(0, open_gate.nonzero()[:, 0], renewed), each

    def _own(self) -> LearnedPurifier:
        """Puface, in the precision that is asked for of the whole."""
        self.puface.asked_precision = self.asked_precision
        return self.puface


entry = PuFaceGated
