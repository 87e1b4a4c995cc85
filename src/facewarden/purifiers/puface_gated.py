"""PuFace with gates: what seems to be a smooth cloak or a tint meets another network, a warped face is moved back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.compute.precision import forced_autocast
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.roles import Purifier
from facewarden.nn.cloak_kinds import NOISE, WARP, check_gate
from facewarden.purifiers.parts.learned import LearnedPurifier

Step = Literal["puface_broad", "slow_color"]
"""What is done about smooth cloaks and tints."""
_BLOCK = 32  # faces that the detector reads together: its features take far more memory than the faces


class PuFaceGated(Purifier):
    """A face goes through `puface`, or through `puface_broad` if it seems to have a smooth cloak or a tint.

    `puface_broad` learned to take those out. A face that then seems to be warped also goes through `unwarp`. Smooth
    cloaks and tints are found by the detector of puface, warps by unwarp; all likelihoods are of the face and of what
    puface made of it. The gate of the first opens at a low likelihood, so that few are missed.

    Args:
        gate: likelihood of a smooth cloak or a tint, in [0, 1], from which `step` is taken.
        warp_gate: likelihood of a warp from which the face is moved back.
        kinds: kinds of cloaks that get a step: "smooth", "tint", "warp", or several.
        step: "puface_broad", or "slow_color", which renews the slow colors of what puface restored, as earlier versions
            did with kinds "tint" and "warp" (of smooth cloaks it left more than puface).
        sigma: of the step "slow_color", in pixels of a crop of 112; 8 by default.
        precision: of the networks.

    Attributes:
        kinds: every kind that is detected, in the order of `purified_by_kind`.

    Raises:
        BadInputError: a gate that is no likelihood, kinds that are not detected, or a sigma of another step.

    Source: written here; a residual behind a detector is the plan of LightShed (USENIX Security 2025).
    """

    differentiable = True

    def __init__(
        self,
        *,
        gate: float = 0.2,
        warp_gate: float = 0.5,
        kinds: Sequence[str] = ("smooth", "tint", "warp"),
        step: Step = "puface_broad",
        sigma: float | None = None,
        precision: str = "float32",
    ) -> None:
        check_gate(gate, name="gate")
        check_gate(warp_gate, name="warp_gate")
        self.puface: LearnedPurifier = load("purifiers", "puface")(precision=precision)
        slow = step == "slow_color"
        if sigma is not None and not slow:
            raise BadInputError(f"sigma {sigma:g} without the step slow_color", hint='"step": "slow_color"')
        sigma = 8.0 if sigma is None else sigma
        self.network, self.gate, self.step = self.puface.network, gate, step
        offered = [kind for kind in self.puface.kinds if kind != NOISE]
        wanted = {kinds} if isinstance(kinds, str) else set(kinds)
        if not wanted or not wanted <= {*offered, WARP}:
            raise BadInputError(
                f"kinds of cloaks {', '.join(sorted(wanted)) or 'none'}: detected are {', '.join([*offered, WARP])}",
                hint='kinds=["smooth", "tint", "warp"]',
            )
        self.other: Purifier | None = None
        if slow:
            self.other = load("purifiers", step)(sigma=sigma)
        elif wanted != {WARP}:
            self.other = load("purifiers", step)(precision=precision)
        self.back: Any = None
        if WARP in wanted:
            self.back = load("purifiers", "unwarp")(gate=warp_gate, precision=precision)
        self.kinds = (*self.puface.kinds, *(() if self.back is None else (WARP,)))
        self._asked = [place for place, kind in enumerate(self.puface.kinds) if kind in wanted]
        own = self.puface.card
        self.card: Card = replace(
            own,
            name="puface_gated",
            summary="PuFace; faces that seem to have a smooth cloak or a tint meet another network, warped ones are "
            "moved back.",
            intended_use="purify faces of unknown origin that may have smooth cloaks, tints or warps, not noise alone",
            limits="a cloak made through it may stay; a tint with noise or by a fine field, and a warp by a fine "
            "field, with noise or stored as JPEG, stay in part; natural faces that are taken for cloaked ones "
            "are changed; aligned faces alone: its steps know the parts of a face (docs/results/purifier_two.md)",
            sha256={
                f"{one.card.name}/{file}": digest
                for one in (self.puface, self.other, self.back)
                if one is not None
                for file, digest in one.card.sha256.items()
            },
            settings={
                "gate": gate,
                "kinds": sorted(wanted),
                # the step of earlier versions goes unsaid, so that what was made with it is known again
                **({"sigma": sigma} if slow else {} if self.other is None else {"step": step}),
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
        """Place the networks on a device."""
        self.puface.to(device)
        for one in (self.other, self.back):
            if one is not None:
                one.to(device)
        return self

    def purify(self, images: Tensor) -> Tensor:
        """Return the purified faces."""
        return self.purified_by_kind(images)[0]

    def likelihood(self, images: Tensor) -> Float[Tensor, " b"]:
        """Likelihood that each aligned face is cloaked: that of the likeliest kind."""
        with torch.no_grad():
            return self.purified_by_kind(images)[1].amax(dim=1)

    def purified_by_kind(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Tensor, Float[Tensor, "b k"]]:
        """Purified faces, and the likelihood of each kind of cloak before; of a warp by what puface made of a face.

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
        likely = each[:, self._asked].amax(dim=1) if self._asked else each.new_full((len(each),), -1.0)
        rows, late = (likely >= self.gate).nonzero()[:, 0], self.step == "slow_color"
        made = restored if late else self._replaced(restored, rows, images)
        if self.back is not None:
            self.back.asked_precision = self.asked_precision
            made, warped = self.back.purified_by_kind(made)
            if not late and len(rows) > 0:  # warps are detected by what puface made
                warped = warped.index_copy(0, rows, self.back.likelihood(restored[rows])[:, None].to(warped.dtype))
            each = torch.cat([each, warped.to(each.dtype)], dim=1)
        return self._replaced(made, rows, made) if late else made, each

    def _replaced(self, restored: Tensor, rows: Int[Tensor, " r"], given: Tensor) -> Tensor:
        """The restored faces, some of them replaced by what the step makes of those that are given."""
        if self.other is None or len(rows) == 0:
            return restored
        self.other.asked_precision = self.asked_precision
        return restored.index_copy(0, rows, self.other(given[rows]))

    def _own(self) -> LearnedPurifier:
        """Puface, in the precision that is asked for of the whole."""
        self.puface.asked_precision = self.asked_precision
        return self.puface


entry = PuFaceGated
