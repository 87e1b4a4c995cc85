"""Samples to which a model gives no number once they are attacked: named, counted, in no rate, or too many for one."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from facewarden.core.errors import BadInputError

_LOG = logging.getLogger("facewarden")

LOST = "the model gives NaN or infinity under attack: in no rate"
"""Reason under which such a sample is counted."""

MOST_LOST = 0.1
"""Share of the attacked samples from which a rate over the others is refused: the rest is no fair sample of them."""


def check_lost(lost: Sequence[str], *, attacked: int, where: str) -> None:
    """Name the samples that are in no rate, and refuse a rate that would be biased.

    Args:
        lost: their keys.
        attacked: how many samples were attacked, the lost ones among them.
        where: the attack, "pgd at 8/255 on rgb".

    Raises:
        BadInputError: more than `MOST_LOST` of the samples are lost.
    """
    if not lost:
        return
    named = ", ".join(sorted(lost)[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
    if len(lost) > MOST_LOST * attacked:
        raise BadInputError(
            f"{where}: the model gives NaN or infinity for {len(lost)} of {attacked} samples under attack, {named}; a "
            "rate over the others would be biased",
            hint="let the model give a finite score for every image in [0, 1]",
        )
    _LOG.warning("%s: %d of %d samples, %s: %s", where, len(lost), attacked, LOST, named)
