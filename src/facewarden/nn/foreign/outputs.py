"""From the named outputs of a network to one row of values a picture, and from these to a score."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.registry import nearest
from facewarden.nn.foreign.settings import DetectorSettings, InputSettings, Layout

_SURE = 1e-7  # a probability of 0 or 1 has no finite logit
_MOST_CLASSES = 16


def chosen(outputs: Mapping[str, Tensor], settings: InputSettings, *, source: str) -> tuple[str, Tensor]:
    """The output that the card names, or the only one.

    Args:
        outputs: by name.
        settings: of the card.
        source: named in errors.

    Raises:
        BadInputError: several and none is named, or no such output.
    """
    there = "; ".join(f"{name} (n{''.join(f', {size}' for size in value.shape[1:])})"
                      for name, value in outputs.items())  # fmt: skip
    wanted = settings.output_name
    if wanted is None and len(outputs) == 1:
        return next(iter(outputs.items()))
    if wanted is None:
        raise BadInputError(
            f"{source}: has {len(outputs)} outputs: {there}; its card does not say which one is read",
            hint=f"add output_name: one of {', '.join(outputs)}",
        )
    if wanted not in outputs:
        raise BadInputError(
            f"{source}: has no output {wanted!r}{nearest(wanted, outputs)}",
            hint=f"output_name: one of {there}",
        )
    return wanted, outputs[wanted]


def rows_of(raw: Tensor, settings: InputSettings, *, layout: Layout, source: str) -> Tensor:
    """One row of values a picture, `(n, k)`.

    Args:
        raw: `(n,)`, `(n, k)`, or with a value per place, `(n, k, h, w)`, `(n, h, w, k)` or `(n, h, w)`.
        settings: of the card; `reduce` says what becomes of places.
        layout: where the channels are.
        source: named in errors.

    Raises:
        BadInputError: a map without `reduce`, or `reduce` without a map.
    """
    shape = tuple(raw.shape[1:])
    is_map = raw.ndim >= 3 and (raw.ndim > 4 or _grid(raw, layout) > 1)
    if not is_map:
        if settings.reduce is not None:
            raise BadInputError(
                f"{source}: reduce is {settings.reduce}, but its output (n{_listed(shape)}) is no map of places",
                hint="remove reduce from the card",
            )
        return raw.reshape(len(raw), -1)
    if settings.reduce is None or raw.ndim > 4:
        raise BadInputError(
            f"{source}: its output (n{_listed(shape)}) has a value per place, not one per picture",
            hint='"reduce": "mean" (or "max", "min", "median"), or "output_name" of another output',
        )
    values = raw[:, None] if raw.ndim == 3 else raw
    if raw.ndim == 4 and _channels_last(raw, layout):
        values = values.permute(0, 3, 1, 2)
    flat = values.flatten(2)
    if settings.reduce == "mean":
        return flat.mean(dim=2)
    if settings.reduce == "median":
        return flat.median(dim=2).values
    return flat.amax(dim=2) if settings.reduce == "max" else flat.amin(dim=2)


def bona_fide_class(settings: DetectorSettings, count: int, *, source: str) -> int:
    """Index of the class that is bona fide.

    Args:
        settings: of the card.
        count: of classes.
        source: named in errors.

    Raises:
        BadInputError: it is not stated where it must be, or there is no such class.
    """
    if settings.bona_fide is None and count > 2:
        doubt = "; is this an embedding?" if count > _MOST_CLASSES else ""
        raise BadInputError(
            f"{source}: its output has {count} values a picture, and its card does not say which is bona fide{doubt}",
            hint='"bona_fide": 1, or "output_name" of another output',
        )
    index = 1 if settings.bona_fide is None else settings.bona_fide
    if index >= count:
        raise BadInputError(
            f"{source}: {count} outputs do not fit output {settings.output!r} with bona_fide {index}",
            hint=f'"bona_fide": a number from 0 to {count - 1}',
        )
    return index


def score_of(values: Tensor, settings: DetectorSettings, *, source: str) -> Tensor:
    """The score `(n,)`, a logit, higher = more bona fide.

    Args:
        values: `(n, k)` as the network gives them.
        settings: of the card.
        source: named in errors.

    Raises:
        BadInputError: the number of values does not fit the card.
    """
    count, values = values.shape[1], values.double()
    if count == 1:
        if settings.output == "logits":
            raise BadInputError(
                f"{source}: one output, but its card says logits of classes", hint='"output": "logit" or "probability"'
            )
        if settings.bona_fide not in (None, int(not settings.invert)):  # a lone value is that of class 1, or inverted
            raise BadInputError(
                f"{source}: one output, and its card says that class {settings.bona_fide} of several is bona fide",
                hint='remove bona_fide; "invert": true if the value is higher for attacks, else false',
            )
        single = values[:, 0]
        score = single if settings.output == "logit" else torch.logit(single, eps=_SURE)
        return (-score if settings.invert else score).float()
    if settings.output == "logit":
        raise BadInputError(
            f"{source}: {count} outputs, but its card says one logit", hint='"output": "logits" or "probability"'
        )
    if settings.invert:
        raise BadInputError(
            f"{source}: invert is for a single output, and this one has {count} classes",
            hint='"bona_fide": the index of the class of bona fide',
        )
    index = bona_fide_class(settings, count, source=source)
    if settings.output == "probability":
        return torch.logit(values[:, index], eps=_SURE).float()
    others = torch.cat([values[:, :index], values[:, index + 1 :]], dim=1)
    return (values[:, index] - torch.logsumexp(others, dim=1)).float()


def _grid(raw: Tensor, layout: Layout) -> int:
    """Number of places of an output of three or four axes."""
    if raw.ndim == 3:
        return int(raw.shape[1] * raw.shape[2]) if min(raw.shape[1:]) > 1 else 1
    height, width = raw.shape[1:3] if _channels_last(raw, layout) else raw.shape[2:4]
    return int(height * width)


def _channels_last(raw: Tensor, layout: Layout) -> bool:
    """A vector (n, k, 1, 1) or (n, 1, 1, k) is told by its ones, whatever the layout of the input."""
    if raw.shape[2:] == (1, 1):
        return False
    single_last = raw.shape[3] == 1 and min(raw.shape[1:3]) > 1
    return single_last or raw.shape[1:3] == (1, 1) or layout == "NHWC"


def _listed(shape: tuple[int, ...]) -> str:
    return "".join(f", {size}" for size in shape)
