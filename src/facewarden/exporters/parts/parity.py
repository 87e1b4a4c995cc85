"""The parity gate: an exported model must answer as the original does, above all where decisions are close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError

FEWEST = 256
"""Inputs that are compared at least."""

TOLERANCE = 1e-4
"""Largest difference of two answers in float32."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ParityRow:
    """One comparison of answers.

    Attributes:
        what: which inputs.
        n: how many.
        near: of these, inputs nearer to the threshold than the median of all that could be chosen.
        largest: largest difference of an answer.
        differ: decisions at the threshold that differ.
    """

    what: str
    n: int
    near: int
    largest: float
    differ: int


@dataclass(frozen=True)
class Parity:
    """All comparisons of an export.

    Attributes:
        rows: each of them.
        tolerance: what `largest` must not exceed.
        threshold: of the decisions; None where there are none.
    """

    rows: tuple[ParityRow, ...]
    tolerance: float = TOLERANCE
    threshold: float | None = None

    @property
    def passed(self) -> bool:
        """Whether enough inputs were compared, and nothing differs."""
        enough = bool(self.rows) and self.rows[0].n >= FEWEST and 2 * self.rows[0].near >= self.rows[0].n
        return enough and all(row.largest <= self.tolerance and row.differ == 0 for row in self.rows)

    def require(self, *, name: str) -> None:
        """Refuse an export that did not pass.

        Args:
            name: of the model.

        Raises:
            BadInputError: the first comparison that failed, with its numbers.
        """
        if self.passed:
            return
        bad = next((row for row in self.rows if not (row.largest <= self.tolerance and row.differ == 0)), None)
        if bad is None:
            count = self.rows[0].n if self.rows else 0
            raise BadInputError(
                f"{name}: too few inputs were compared for an export ({count} of {FEWEST})",
                hint="--captures with more rows",
            )
        raise BadInputError(
            f"{name}: the exported model differs from the original by {bad.largest:.3g} on {bad.what} (allowed "
            f"{self.tolerance:g}), and {bad.differ} of {bad.n} decisions differ; nothing was written",
            hint="use the model without export, and report this with the versions of facewarden doctor",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "passed": self.passed}


def choose_near(scores: Values, *, threshold: float, count: int = FEWEST, seed: int = 0) -> tuple[NDArray[Any], int]:
    """Choose inputs, half of them nearer to the threshold than the median.

    Args:
        scores: of all candidates.
        threshold: of the decision.
        count: how many are chosen at most.
        seed: of the choice.

    Returns:
        Their positions in order, and how many of them are near.
    """
    far = np.abs(scores - threshold)
    order = np.argsort(far, kind="stable")
    half = (min(count, len(scores)) + 1) // 2
    inner, outer = order[: (len(scores) + 1) // 2], order[(len(scores) + 1) // 2 :]
    rng = np.random.default_rng(seed)
    near = rng.permutation(inner)[:half]
    rest = rng.permutation(outer)[: min(count, len(scores)) - len(near)]
    return np.sort(np.concatenate([near, rest])), len(near)


def compared(
    what: str, original: Values, exported: Values, *, threshold: float | None = None, near: int = 0
) -> ParityRow:
    """Compare answers, the first axis of which is the input.

    Raises:
        BadInputError: an answer is missing.
    """
    if original.shape != exported.shape:
        raise BadInputError(
            f"{what}: the original has answers {original.shape}, the exported model {exported.shape}",
            hint="captures that can all be read",
        )
    largest = float(np.abs(original - exported).max()) if original.size else 0.0
    largest = largest if np.isfinite(largest) else float("inf")
    differ = 0 if threshold is None else int(((original >= threshold) != (exported >= threshold)).sum())
    return ParityRow(what, len(original), near, largest, differ)


def subsets(modalities: Sequence[str], optional: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Every proper set of sensors that a detector scores, the larger ones first."""
    found = []
    for code in range(1, 2 ** len(modalities) - 1):
        chosen = tuple(name for place, name in enumerate(modalities) if code >> place & 1)
        if all(name in optional for name in modalities if name not in chosen):
            found.append(chosen)
    return tuple(sorted(found, key=len, reverse=True))
