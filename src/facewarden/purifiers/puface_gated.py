"""PuFace with gates: faces that seem to have a tint also lose their slow colors, those with a warp are moved back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.compute.precision import forced_autocast
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.roles import Purifier
from facewarden.nn.cloak_kinds import NOISE, WARP, check_gate
from facewarden.purifiers.parts.learned import LearnedPurifier

_BLOCK = 32  # faces that the detector reads together: its features take far more memory than the faces


class PuFaceGated(Purifier):
    """Every face goes through `puface`; one that seems to be warped then also through `unwarp`.

    One that seems to have a tint also goes through `slow_color`.

    puface subtracts what its network predicts, the residual. Its detector finds tints, and unwarp finds warps, of the
    faces after puface; puface removes neither. The gate of tints opens at a low likelihood, so that few are missed. To
    renew the slow colors of smooth cloaks was no gain for any tracker (docs/results/purifier_two.md).

    Args:
        gate: likelihood of a tint (or a smooth cloak), in [0, 1], from which slow colors are renewed.
        warp_gate: likelihood of a warp from which the face is moved back.
        kinds: kinds of cloaks that get a step: "tint", "warp", "smooth" (slow colors as for a tint), or several.
        sigma: of `slow_color`, in pixels of a crop of 112.
        precision: of puface and unwarp.

    Attributes:
        kinds: every kind that is detected, in the order of `purified_by_kind`.

    Raises:
        BadInputError: a gate that is no likelihood, or kinds that are not detected.

    Source: written here; a residual behind a detector is the plan of LightShed (USENIX Security 2025).
    """

    differentiable = True

    def __init__(
        self,
        *,
        gate: float = 0.2,
        warp_gate: float = 0.5,
        kinds: Sequence[str] = ("tint", "warp"),
        sigma: float = 8.0,
        precision: str = "float32",
    ) -> None:
        check_gate(gate, name="gate")
        check_gate(warp_gate, name="warp_gate")
        self.puface: LearnedPurifier = load("purifiers", "puface")(precision=precision)
        self.slow: Purifier = load("purifiers", "slow_color")(sigma=sigma)
        self.network, self.gate = self.puface.network, gate
        offered = [kind for kind in self.puface.kinds if kind != NOISE]
        wanted = {kinds} if isinstance(kinds, str) else set(kinds)
        if not wanted or not wanted <= {*offered, WARP}:
            raise BadInputError(
                f"kinds of cloaks {', '.join(sorted(wanted)) or 'none'}: detected are {', '.join([*offered, WARP])}",
                hint='kinds=["tint", "warp"]',
            )
        self.back: Any = None
        if WARP in wanted:
            self.back = load("purifiers", "unwarp")(gate=warp_gate, precision=precision)
        self.kinds = (*self.puface.kinds, *(() if self.back is None else (WARP,)))
        self._renewed = [place for place, kind in enumerate(self.puface.kinds) if kind in wanted]
        own = self.puface.card
        self.card: Card = replace(
            own,
            name="puface_gated",
            summary="PuFace; faces that seem to have a tint get new slow colors, warped ones are moved back.",
            intended_use="purify faces of unknown origin that may have tints or warps, and not noise alone",
            limits="of strong tints a third stays on some recognizers; smooth cloaks are left as by puface; a cloak "
            "made through it stays; a natural face that is taken for a tint changes visibly; aligned faces alone, "
            "since both steps know where the parts of a face are (docs/results/purifier_two.md)",
            sha256={
                f"{one.card.name}/{file}": digest
                for one in (self.puface, self.slow, self.back)
                if one is not None
                for file, digest in one.card.sha256.items()
            },
            settings={
                "gate": gate,
                "kinds": sorted(wanted),
                "sigma": sigma,
                "precision": precision,
                **({} if self.back is None else {"warp_gate": warp_gate}),
                "features": own.settings["features"],
            },
        )

    @property
    def own_precision(self) -> str:
        """That of puface."""
        return self.puface.own_precision

    def to(self, device: torch.device | str) -> PuFaceGated:
        """Place both networks on a device."""
        self.puface.to(device)
        if self.back is not None:
            self.back.to(device)
        return self

    def purify(self, images: Tensor) -> Tensor:
        """Return the purified faces."""
        return self.purified_by_kind(images)[0]

    def likelihood(self, images: Tensor) -> Float[Tensor, " b"]:
        """Likelihood that each aligned face is cloaked: that of the likeliest kind."""
        with torch.no_grad():
            return self.purified_by_kind(images)[1].amax(dim=1)

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
        tinted = each[:, self._renewed].amax(dim=1) >= self.gate if self._renewed else each.new_zeros(len(each)).bool()
        if self.back is not None:
            self.back.asked_precision = self.asked_precision
            restored, warped = self.back.purified_by_kind(restored)
            each = torch.cat([each, warped.to(each.dtype)], dim=1)
        if not bool(tinted.any()):
            return restored, each
        renewed = self.slow(restored[tinted])
        return restored.index_copy(0, tinted.nonzero()[:, 0], renewed), each

    def _own(self) -> LearnedPurifier:
        """Puface, in the precision that is asked for of the whole."""
        self.puface.asked_precision = self.asked_precision
        return self.puface


entry = PuFaceGated
