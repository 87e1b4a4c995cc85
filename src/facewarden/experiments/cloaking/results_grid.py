"""Results of the cloaking experiment: look-up of cells, and means over cells that may be pooled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facewarden.experiments.cloaking.measure import CloakingResult
from facewarden.experiments.cloaking.recognizer_kinds import COUNTS_FROM, RecognizerKind, RecognizerRate, headline
from facewarden.metrics.intervals import Interval, mean_by_subject

NONE = "none"
"""What a plan calls the gallery that is not purified."""


@dataclass(frozen=True)
class CloakingGrid:
    """Cells by the name that the plan gives their cloak and purifier.

    Attributes:
        cells: table -> cells.
    """

    cells: Mapping[str, Sequence[CloakingResult]]

    def all(self) -> Iterator[CloakingResult]:
        """Every cell, table by table."""
        for cells in self.cells.values():
            yield from cells

    def find(
        self, *, cloak: str, purifier: str, tracker: str, recognizer: str, probes: str = "raw"
    ) -> CloakingResult | None:
        """The first cell of this description."""
        for cell in self.all():
            if (cell.cloak, cell.purifier, cell.tracker) == (cloak, purifier, tracker) and (
                cell.recognizer == recognizer and cell.probes == probes
            ):
                return cell
        return None

    def untreated(self, cell: CloakingResult) -> CloakingResult | None:
        """The same cell without a purifier; probes are then raw in any case."""
        return self.find(cloak=cell.cloak, purifier=NONE, tracker=cell.tracker, recognizer=cell.recognizer)

    def rate_of(self, cell: CloakingResult) -> RecognizerRate | None:
        """A cell as a rate with the flag whether it counts; None where its untreated cell is missing."""
        bare = self.untreated(cell)
        if bare is None:
            return None
        return RecognizerRate(
            rate=cell.protection.value,
            untreated=bare.protection.value,
            kind=cell.kind,
            recognizer=cell.recognizer,
            surrogates=cell.surrogates,
            loss_networks=cell.loss_networks,
        )

    def eligible(
        self,
        *,
        purifier: str,
        kind: RecognizerKind,
        cloaks: Sequence[str],
        trackers: Sequence[str],
        recognizers: Sequence[str],
        barred: Sequence[str],
    ) -> list[CloakingResult]:
        """Cells that a headline of one kind of evaluation recognizer may use, raw probes only.

        Args:
            purifier: whose.
            kind: what the recognizers are to the cloak.
            cloaks, trackers: which ones.
            recognizers: whose cells count; other tables may hold retrained recognizers, which answer another question.
            barred: loss networks of any purifier in the comparison: all purifiers are then measured on the same cells.
        """
        chosen: dict[tuple[str, str, str], CloakingResult] = {}
        for cell in self.all():
            rate = self.rate_of(cell)
            if (
                cell.cloak in cloaks
                and cell.tracker in trackers
                and (cell.purifier, cell.kind, cell.probes) == (purifier, kind, "raw")
                and cell.recognizer in recognizers
                and cell.recognizer not in barred
                and rate is not None
                and rate.eligible
            ):
                chosen.setdefault((cell.cloak, cell.tracker, cell.recognizer), cell)
        return list(chosen.values())

    def headline(self, cells: Sequence[CloakingResult]) -> Interval:
        """Mean over cells, every tracker with the same weight, with the interval over attackers.

        All cells take their attackers from one order, so whole attackers are drawn with all of their cells. Where a
        tracker was asked for fewer of them, the interval is that of those whom all cells have.
        """
        rates = [rate for cell in cells if (rate := self.rate_of(cell)) is not None]
        value = headline(rates)
        people = min(len(cell.hidden) for cell in cells)
        rows = np.array([cell.hidden[:people] for cell in cells])
        each = sum(cell.probes_each for cell in cells)
        interval = mean_by_subject(np.repeat(rows.mean(axis=0), each), np.repeat(np.arange(people), each), seed=0)
        shift = value - interval.value  # attackers have unequal numbers of probes, and some cells more attackers
        low, high = max(0.0, interval.low + min(shift, 0.0)), min(1.0, interval.high + max(shift, 0.0))
        return Interval(value, low, high, len(cells), f"{interval.method}, {len(cells)} cells")


def best_baseline(cells: Sequence[CloakingResult | None]) -> CloakingResult | None:
    """The cell with the lowest protection; selected on the measured cells, which favors the baselines."""
    there = [cell for cell in cells if cell is not None]
    return min(there, key=lambda cell: cell.protection.value) if there else None


def counts(cell: CloakingResult) -> bool:
    """Whether an untreated cell's cloak protects at all."""
    return cell.protection.value >= COUNTS_FROM
