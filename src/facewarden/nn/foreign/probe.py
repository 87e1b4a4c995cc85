"""What a model of another maker must show before anything is measured with it: a few passes over small pictures.

Each check that the values themselves decide is an error that names the word of the card to change. What they cannot
decide is a remark, which is logged and kept on the model's card.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, Modality
from facewarden.nn.foreign.settings import DetectorSettings

LOG = logging.getLogger("facewarden")
PICTURES = 8
"""How many pictures a probe has."""

ANSWERS = "answers to the probe"
"""Under this name the card of a model that is more than its file has the hash of its answers when it was loaded."""

_ALONE = (0, 3, 7)
_ONE = 1e-7  # nearer to 1 than any probability of a float32 softmax of an unsure network
_SUM = 1e-3
_SATURATED = 50.0
_FEW = 16


def probe_pictures(channels: int, side: int) -> Tensor:
    """Soft random pictures `(8, c, side, side)` in [0.04, 0.96] of many colors and structures, always the same."""
    generator = torch.Generator().manual_seed(20)
    grids = [2, 3, 4, 6, 8, 12, 16, 24]
    pictures = [
        interpolate(torch.rand(1, channels, grid, grid, generator=generator), size=side, mode="bilinear")[0]
        for grid in grids
    ]
    tint = torch.tensor([1.0, -1.0, 0.5])[:channels].reshape(1, -1, 1, 1)
    means = torch.linspace(-0.3, 0.3, PICTURES).reshape(-1, 1, 1, 1) * tint
    return (torch.stack(pictures) + means).clamp(0, 1) * 0.92 + 0.04


def probe_batch(pictures: Tensor, modalities: Sequence[Modality]) -> FaceBatch:
    """Pictures `(n, 3, h, w)` as frames of every sensor, with a face box in the middle."""
    count, _, height, width = pictures.shape
    images = {name: pictures[:, : CHANNELS[name]] for name in modalities}
    box = torch.tensor([[width / 4, height / 4, 3 * width / 4, 3 * height / 4]]).repeat(count, 1)
    return FaceBatch(images=images, key=tuple(f"probe {row}" for row in range(count)), box=box)


def set_to_evaluation(model: object, *, source: str) -> list[str]:
    """Set a torch module to evaluation mode; a remark where it was in training mode."""
    if not isinstance(model, nn.Module) or not any(part.training for part in model.modules()):
        return []
    model.eval()
    return [f"{source}: was in training mode, and is used in evaluation mode"]


def probe_values(
    values: Callable[[Tensor], Tensor], pictures: Tensor, *, source: str, exact: float = 1e-4, hint: str = ""
) -> Tensor:
    """Check that answers are finite, are the same twice, and do not depend on the other pictures of the batch.

    Args:
        values: pictures `(n, c, h, w)` -> `(n, ...)`.
        pictures: of the probe.
        source: named in errors.
        exact: relative difference below which two answers are the same.
        hint: what to change where an answer depends on its neighbors.

    Returns:
        The values of the pictures.

    Raises:
        BadInputError: one of these does not hold.
    """
    with torch.no_grad():
        first = values(pictures)
        if not bool(torch.isfinite(first).all()):
            raise BadInputError(
                f"{source}: gives numbers that are not finite for ordinary pictures",
                hint="mean, std and range of its card, or its weights",
            )
        if not _same(values(pictures), first, exact):
            raise BadInputError(
                f"{source}: two calls with the same pictures give different values",
                hint="export it in evaluation mode, without dropout or noise: model.eval()",
            )
        alone = torch.cat([values(pictures[row : row + 1]) for row in _ALONE if row < len(pictures)])
    wanted = first[[row for row in _ALONE if row < len(pictures)]]
    if not _same(alone, wanted, exact):
        flat, other = alone.reshape(len(alone), -1), wanted.reshape(len(wanted), -1)
        worst = int((flat - other).abs().amax(dim=1).argmax())
        place = int((flat[worst] - other[worst]).abs().argmax())
        raise BadInputError(
            f"{source}: the value of a picture depends on the others of its batch: {float(flat[worst, place]):.4g} "
            f"alone, {float(other[worst, place]):.4g} among {len(pictures)}",
            hint=hint or 'export it in evaluation mode, model.eval(); or "batch": 1, if the value alone is right',
        )
    return first


def answers_hash(values: Tensor) -> dict[str, str]:
    """What tells a model from one that answers otherwise: a hash of its answers to the probe, in three digits.

    A file of code, or an address, is the same whatever weights lie behind it.

    Args:
        values: `(n, ...)` of the probe's pictures.
    """
    flat = values.detach().cpu().double().reshape(len(values), -1)
    signs = torch.randint(0, 2, (flat.shape[1],), generator=torch.Generator().manual_seed(21)) * 2.0 - 1
    sums = flat @ signs.double()  # few numbers: each may fall on either side of a rounding on another machine
    largest = max(float(sums.abs().max()), 1e-30)
    digits = [round(1000 * value / largest) for value in sums.tolist()]
    told = f"{tuple(values.shape[1:])} {largest:.2e} {digits}"
    return {ANSWERS: hashlib.sha256(told.encode()).hexdigest()}


def check_scores(values: Tensor, settings: DetectorSettings, *, final: Sequence[str], source: str) -> list[str]:
    """Check the range of a detector's values against what its card calls them.

    Args:
        values: `(n, k)` of the probe's pictures.
        settings: of the card.
        final: Softmax and the like at the end of its graph, where that is known.
        source: named in errors.

    Returns:
        Remarks on what the values cannot decide.

    Raises:
        BadInputError: the values disprove the card.
    """
    values = values.double()
    count, low, high = values.shape[1], float(values.min()), float(values.max())
    inside = low >= -1e-6 and high <= 1 + 1e-6
    sums = bool(((values.sum(dim=1) - 1).abs() < _SUM).all()) and count > 1
    span = f"from {low:.4g} to {high:.4g}"
    if settings.output == "probability":
        if not inside:
            _outside(values, count, span, source)
        if (len(final) > 1 and "LogSoftmax" not in final[:2]) or _twice(values):
            raise BadInputError(
                f"{source}: softmax or sigmoid is applied twice: its probabilities are {span}, never surer",
                hint="export it without the last softmax or sigmoid, or set output_name to what comes before it",
            )
        return [*_saturated(values, inside=True, source=source), *_constant(values, source)]
    if (inside and sums) or (final and final[0] in ("Softmax", "Sigmoid")):
        end = f"come out of a {final[0].lower()}" if final else "sum to 1"
        how = "are softmax values, which sum to 1" if sums else end
        raise BadInputError(
            f"{source}: its card says {settings.output}, but its values {how} ({span})", hint='"output": "probability"'
        )
    if inside and bool(((values - 1).abs() < _ONE).any()) and bool((values.abs() < _ONE).any()):
        raise BadInputError(
            f"{source}: its card says {settings.output}, but its values are cut off at 0 and 1",
            hint='"output": "probability"',
        )
    remarks = [*_saturated(values, inside=False, source=source), *_constant(values, source)]
    if bool((values == values.round()).all()) and not remarks:
        remarks.append(f"{source}: all values of the probe are whole numbers; is this a decision and not a score?")
    if inside:
        remarks.append(
            f'{source}: its card says {settings.output}, yet all values of the probe lie in 0..1; '
            f'"output": "probability", if they are'
        )  # fmt: skip
    return remarks


def check_embeddings(values: Tensor, *, source: str) -> list[str]:
    """Check the embeddings of a recognizer.

    Args:
        values: `(n, d)` of the probe's pictures.
        source: named in errors.

    Returns:
        Remarks on what the values cannot decide.

    Raises:
        BadInputError: one value a picture is no embedding.
    """
    length = values.shape[1]
    if length < 2:
        raise BadInputError(
            f"{source}: its output has one value a picture, which is no embedding",
            hint='"output_name" of the embedding, or "role": "pad" if it is a detector',
        )
    remarks = []
    if length < _FEW:
        remarks.append(f"{source}: an embedding of {length} values is short; is another output the embedding?")
    if bool((values >= 0).all()) and bool(((values.sum(dim=1) - 1).abs() < _SUM).all()):
        remarks.append(f"{source}: its values sum to 1, as those of a classifier; set output_name to the layer before")
    unit = torch.nn.functional.normalize(values.double(), dim=1)
    if float((unit @ unit.T).min()) > 0.999:
        remarks.append(f"{source}: different pictures have nearly the same embedding; check mean, std and range")
    return remarks


def keep(remarks: Iterable[str]) -> list[str]:
    """Log remarks and return them, for the card of the model."""
    found = list(dict.fromkeys(remarks))
    for remark in found:
        LOG.warning(remark)
    return found


def _same(one: Tensor, other: Tensor, exact: float) -> bool:
    """Whether values agree, measured by the size of the values of their column over all pictures."""
    if one.shape != other.shape:
        return False
    first, second = one.reshape(len(one), -1), other.reshape(len(other), -1)
    scale = torch.maximum(first.abs(), second.abs()).amax(dim=0).clamp(min=1e-6)
    return bool(((first - second).abs() <= exact * scale).all())


def _outside(values: Tensor, count: int, span: str, source: str) -> None:
    sums = values.sum(dim=1)
    percent = float(values.min()) >= 0 and count > 1 and bool(((sums - 100).abs() < 0.1).all())
    logs = float(values.max()) <= 1e-6 and count > 1 and bool(((values.exp().sum(dim=1) - 1).abs() < _SUM).all())
    what = ", percent that sum to 100" if percent else ", logarithms of probabilities" if logs else ""
    hint = f'"output": "{"logit" if count == 1 else "logits"}"'
    raise BadInputError(
        f"{source}: its card says probability, but its values are {span}{what}",
        hint="divide them by 100 in the network" if percent else hint,
    )


def _twice(values: Tensor) -> bool:
    """Whether probabilities stand at the bounds that a second softmax or sigmoid cannot leave."""
    count = values.shape[1]
    bound = math.e / (math.e + max(count - 1, 1))
    surest = values.amax(dim=1) if count > 1 else torch.where(values[:, 0] > 0.6, values[:, 0], bound)
    low, high = (0.5, bound) if count == 1 else (1 / (count - 1 + math.e), bound)
    within = float(values.min()) >= low - 1e-4 and float(values.max()) <= high + 1e-4
    at_bound = bool((values.amax() - bound).abs() < 2e-3)
    return within and at_bound and abs(float(surest.median()) - bound) < 5e-3


def _saturated(values: Tensor, *, inside: bool, source: str) -> list[str]:
    if inside:
        sure = bool(((values < 1e-6) | (values > 1 - 1e-6)).all())
    else:
        spread = values[:, 0].abs() if values.shape[1] == 1 else values.amax(dim=1) - values.amin(dim=1)
        sure = bool((spread > _SATURATED).all())
    if not sure:
        return []
    return [
        f"{source}: its scores are saturated for every picture of the probe; "
        'check mean and std, or "range": 1 if it wants pixels in 0..1'
    ]


def _constant(values: Tensor, source: str) -> list[str]:
    scale = float(values.abs().max())
    if float((values.amax(dim=0) - values.amin(dim=0)).max()) > 1e-5 * max(scale, 1e-6):
        return []
    return [f"{source}: its values are the same for every picture of the probe; check mean, std, range and output_name"]
