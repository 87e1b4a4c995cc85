"""SFA as an option of a gradient attack: the gradient is read at an image moved by a learned map, never added to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from facewarden.core.compute.device import device_of
from facewarden.core.errors import BadInputError
from facewarden.core.gradient_source import AttackView, GradientQuery, GradientSource
from facewarden.core.objective import Images
from facewarden.nn.gradient_sources.generator_pair import offset_sign

Schedule = Literal["none", "first", "decay", "fixed", "refresh", "random", "signs"]
Route = Literal["own", "contrast"]
Map = Callable[[Tensor], Tensor]


class SfaOffset(GradientSource):
    """Read every gradient at z = clip(x + s D), with s = +1 for bona fide and -1 for attack presentations.

    No gradient flows through the map, and the step is added to x. What the attacker must know is what he presents.

    Args:
        pair: gives the map D of rgb images `(b, 3, h, w)`, as `GeneratorPair` does.
        offset: "none" reads at the image. "first": the map of the clean image at the first step only. "decay": that
            map times the share of the walk that is left. "fixed": that map at every step. "refresh": the map of the
            current image at every step. Two controls are drawn anew at every step: "random", uniform noise up to the
            pair's cap, and "signs", the map of the clean image with the sign of every value drawn, so that its size
            stays and its direction is lost.
        route: "own" adds the map of the image's own class, as the paper's figure draws it; "contrast" subtracts it.

    Raises:
        BadInputError: an unknown word.

    Source: Yang et al., Exposing Fine-Grained Adversarial Vulnerability of Face Anti-Spoofing Models (2023), framework
    figure. The figure shows one step; the schedules over several steps are choices made here.
    """

    def __init__(self, pair: Map, *, offset: Schedule = "decay", route: Route = "own") -> None:
        for what, value, known in (("offset", offset, get_args(Schedule)), ("route", route, get_args(Route))):
            if value not in known:
                raise BadInputError(f"SFA has no {what} {value!r}", hint=f"{what}: {', '.join(known)}")
        self.pair, self.offset, self.route = pair, offset, route

    def begin(self, objective: AttackView) -> dict[str, Tensor]:
        """The map of the clean images.

        Raises:
            BadInputError: the attack does not touch rgb, or the goal has no labels.
        """
        if self.offset == "none":
            return {}
        if "rgb" not in objective.threat.modalities:
            raise BadInputError(
                "SFA moves where the gradient of rgb is read, but the attack does not touch rgb",
                hint="an attack on rgb, or offset none",
            )
        if objective.label is None:
            raise BadInputError(
                "SFA needs to know which samples are bona fide, and this goal has no labels",
                hint="attack a presentation attack detector",
            )
        sign = offset_sign(objective.label).to(objective.clean["rgb"])
        state = {"sign": sign if self.route == "own" else -sign}
        if self.offset in ("first", "decay", "fixed", "signs"):
            state["map"] = self._map(objective.clean["rgb"])
        return state

    def looks(self, images: Images, *, objective: AttackView, state: dict[str, Tensor]) -> list[GradientQuery]:
        """One look, at the moved image."""
        share = objective.stage.share
        if self.offset == "none" or (self.offset == "first" and share > 0.0):
            return [GradientQuery(images)]
        rgb = images["rgb"]
        if self.offset == "random":
            draws = [torch.rand(rgb.shape[1:], generator=draw) * 2 - 1 for draw in objective.draws("sfa")]
            shift = float(getattr(self.pair, "cap", 3 / 255)) * torch.stack(draws).to(rgb) if draws else rgb * 0.0
        elif self.offset == "signs":
            signs = [torch.randint(2, rgb.shape[1:], generator=draw) * 2 - 1 for draw in objective.draws("sfa")]
            shift = state["map"] * torch.stack(signs).to(rgb) if signs else state["map"]
        elif self.offset == "refresh":
            shift = self._map(rgb)
        else:
            shift = state["map"] * (1.0 - share if self.offset == "decay" else 1.0)
        return [GradientQuery({**images, "rgb": (rgb + state["sign"] * shift).clamp(0.0, 1.0)})]

    def _map(self, rgb: Tensor) -> Tensor:
        device = device_of(self.pair) if isinstance(self.pair, nn.Module) else None
        with torch.no_grad():
            return self.pair(rgb.to(device or rgb.device)).detach().to(rgb.device)
