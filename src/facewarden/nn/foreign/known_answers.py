"""The `self_test` of a card: known inputs with known answers, by which polarity, scale and preprocessing are proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.card import Card, KnownAnswer
from facewarden.core.errors import BadInputError
from facewarden.core.sources.grammar import is_there

_FORMS = 'a file beside the card, "gray:0.5" or "noise:7"'
S = TypeVar("S")


def known_input(
    text: str, *, folder: Path, channels: int, side: int, source: str, read: Callable[[Path], NDArray[np.uint8]]
) -> Tensor:
    """The picture `(1, c, h, w)` in [0, 1] of a known answer.

    Args:
        text: name of a photo beside the card; "gray:0.5", a constant picture; or "noise:7", the picture
            `numpy.random.default_rng(7).integers(0, 256, (side, side, channels), dtype="uint8")`.
        folder: of the card.
        channels: of what the model reads.
        side: of pictures that are made.
        source: named in errors.
        read: gives the RGB pixels of a photo.

    Raises:
        BadInputError: there is no such picture.
    """
    kind, colon, value = text.partition(":")
    try:
        if colon and kind == "gray" and 0 <= float(value) <= 1:
            return torch.full((1, channels, side, side), float(value))
        if colon and kind == "noise":
            drawn = np.random.default_rng(int(value)).integers(0, 256, (side, side, channels), dtype=np.uint8)
            return torch.from_numpy(drawn).permute(2, 0, 1)[None].float() / 255
    except ValueError:
        pass
    if channels != 3 or "\0" in text or not is_there(str(folder / text)):
        raise BadInputError(f"{source}: self_test has no input {text[:80]!r}", hint=f'"input": {_FORMS}')
    return torch.from_numpy(np.ascontiguousarray(read(folder / text))).permute(2, 0, 1)[None].float() / 255


def check_answers(
    card: Card,
    answer: Callable[[KnownAnswer, S], float],
    settings: S,
    *,
    others: Mapping[str, S],
    source: str,
) -> None:
    """Compare the answers of a model with those that its card states.

    Args:
        card: of the model.
        answer: of one known input, with settings.
        settings: of the card.
        others: word and value of the card -> settings with it, tried where the answers differ.
        source: named in errors.

    Raises:
        BadInputError: an answer differs; with the change of the card that makes all right, where one does.
    """
    if not card.self_test:
        return
    found = [answer(one, settings) for one in card.self_test]
    if _agree(card.self_test, found):
        return
    told = "; ".join(f"{one.input}: {value:.4g}, its card says {one.score:.4g}"
                     for one, value in zip(card.self_test, found, strict=True))  # fmt: skip
    for change, tried in others.items():
        try:
            fits = _agree(card.self_test, [answer(one, tried) for one in card.self_test])
        except BadInputError:
            continue
        if fits:
            raise BadInputError(f"{source}: self_test fails: {told}", hint=f"{change} makes it right")
    raise BadInputError(
        f"{source}: self_test fails: {told}",
        hint="order, mean, std, range, scale or output of its card; no single other value makes it right",
    )


def _agree(known: Sequence[KnownAnswer], found: Sequence[float]) -> bool:
    return all(abs(one.score - value) <= one.tolerance for one, value in zip(known, found, strict=True))
