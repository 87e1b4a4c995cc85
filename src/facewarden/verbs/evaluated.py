"""Figures of a model, as every evaluation gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facewarden.core.decision import DecisionRule
from facewarden.data.results import RowsResult, rows_as_columns
from facewarden.reporting.document import Metric


@dataclass(frozen=True, repr=False)
class Evaluated(RowsResult):
    """Figures of a model.

    Attributes:
        metrics: each with interval and sample count.
        rule: the decision rule, for a detector.
        simulated: whether the data are.
        files: what was written.
        skipped: reason -> how many captures or photos could not be used.
        computed: device and precision of the models; empty where stored scores were measured.
        warnings: what a reader must know before any figure.
    """

    metrics: tuple[Metric, ...]
    rule: DecisionRule | None
    simulated: bool
    files: tuple[Path, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """One row for each metric: value, bounds and count."""
        return rows_as_columns([asdict(metric) for metric in self.metrics])
