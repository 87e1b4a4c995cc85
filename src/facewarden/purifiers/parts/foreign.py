"""A purifier of another maker: its card drives what it sees and how its picture is read, and it is probed on load."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from facewarden.core.card import KnownAnswer
from facewarden.core.compute.device import device_of
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier
from facewarden.data.photo import read_photo
from facewarden.nn.foreign.known_answers import check_answers, known_input
from facewarden.nn.foreign.model import ForeignModel
from facewarden.nn.foreign.outputs import chosen
from facewarden.nn.foreign.probe import probe_pictures, probe_values
from facewarden.nn.foreign.settings import PictureOutput, PurifierSettings, network_input, single_changes

_CROP = 112
_OVERSHOOT = 0.25  # restored pictures leave 0..1 a little; a wrong unit does by far more
_WORDS: tuple[PictureOutput, ...] = ("unit", "gray", "input")


class ForeignPurifier(Purifier):
    """Computes a network of another maker that gives a picture of the same size.

    Args:
        model: its network and its card.

    Raises:
        BadInputError: a probe disproves the card; it names the word to change.
    """

    def __init__(self, model: ForeignModel[PurifierSettings]) -> None:
        network = model.network
        self.foreign, self.settings, self.folder, self.card = network.eval(), model.settings, model.folder, model.card
        self.network = None if device_of(network) is None else network  # without weights it computes anywhere
        self.told_as, self.differentiable = network.source, network.differentiable
        self.card = model.probed(*self._probe())

    def purify(self, images: Tensor) -> Tensor:
        """Return the purified images, cut at black and white.

        Raises:
            BadInputError: images of another size than the only one that it takes.
        """
        if not len(images):
            return images
        given = images if self.differentiable else images.detach()
        side = self.foreign.side
        if side is not None and images.shape[2:] != (side, side):
            raise BadInputError(
                f"{self.foreign.source}: takes {side} x {side} pixels, these are {tuple(images.shape[2:])}",
                hint="purify aligned faces of that size, or export it for any size",
            )
        return self._pictures(given, self.settings).clamp(0, 1).to(images.dtype)

    def _pictures(self, images: Tensor, settings: PurifierSettings) -> Tensor:
        """The picture in units of 0..1, not cut."""
        source = self.foreign.source
        _, raw = chosen(self.foreign(network_input(images, settings)), settings, source=source)
        picture = raw if self.foreign.layout == "NCHW" else raw.permute(0, 3, 1, 2) if raw.ndim == 4 else raw
        if picture.shape != images.shape:
            raise BadInputError(
                f"{source}: gives {tuple(raw.shape)} for pictures of {tuple(images.shape)}, which is no picture of the "
                "same size",
                hint='output_name of the picture, or "layout"',
            )
        return _in_unit(picture, settings)

    def _probe(self) -> tuple[list[str], Tensor]:
        """What was noticed, and the answers to the probe."""
        settings, source = self.settings, self.foreign.source
        pictures = probe_pictures(3, self.foreign.side or _CROP)
        self._pictures(pictures[:1], settings)
        found = probe_values(
            lambda some: self._pictures(some, settings), pictures, source=source, exact=self.foreign.exact
        )
        remarks: list[str] = []
        change = (found - pictures).abs().mean()
        if float(found.min()) < -_OVERSHOOT or float(found.max()) > 1 + _OVERSHOOT or float(change) > _OVERSHOOT:
            with torch.no_grad():
                others = {one: self._pictures(pictures, replace(settings, output=one)) for one in _WORDS}
            near = {one: float((other - pictures).abs().mean()) for one, other in others.items()}
            best = min(near, key=lambda one: near[one])
            told = f"its pictures go from {float(found.min()):.3g} to {float(found.max()):.3g} where 0..1 is expected"
            if best != settings.output and near[best] < 0.5 * float(change):
                raise BadInputError(
                    f'{source}: its card says output "{settings.output}", but {told}', hint=f'"output": "{best}"'
                )
            remarks = [f"{source}: {told}, and change the probe's by {255 * float(change):.0f} gray levels on average"]
        check_answers(self.card, self._answer, settings, others=single_changes(settings), source=source)
        return remarks, found

    def _answer(self, one: KnownAnswer, settings: PurifierSettings) -> float:
        picture = known_input(
            one.input, folder=self.folder, channels=3, side=self.foreign.side or _CROP, source=self.foreign.source,
            read=read_photo,
        )  # fmt: skip
        with torch.no_grad():
            return float((self._pictures(picture, settings).clamp(0, 1) - picture).abs().mean()) * 255


def _in_unit(picture: Tensor, settings: PurifierSettings) -> Tensor:
    if settings.output == "gray":
        unit = picture / 255
    elif settings.output == "input":
        mean, std = (
            torch.tensor(numbers, dtype=torch.float32, device=picture.device).reshape(1, -1, 1, 1)
            for numbers in (settings.mean, settings.std)
        )
        unit = (picture * std + mean) / settings.range
    else:
        unit = picture
    return unit.flip(1) if settings.order == "BGR" else unit
