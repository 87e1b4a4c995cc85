"""Layout of the tables of a plan of kind `presentation`: columns by protocol, means, marks and the note."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection, ScoresOverSeeds
from facewarden.experiments.domain_generalization.labels import (
    DAGGER,
    PEEKS,
    SIZE,
    covered,
    has_several,
    marked,
    peeks,
    percent,
    shown,
)
from facewarden.experiments.domain_generalization.settings import PresentationPlan, TablePart
from facewarden.metrics.transfer import Replicated, mean_over
from facewarden.reporting.document import Table


@dataclass(frozen=True)
class PartLayout:
    """What every table of one part has in common.

    Attributes:
        plan, part, scores: what the tables are made of.
        simulated: whether the captures are.
    """

    plan: PresentationPlan
    part: TablePart
    scores: ScoresOverSeeds
    simulated: bool

    def _label(self, name: str) -> str:
        return self.plan.methods[name].label

    def _mean(self, name: str, measure: str, look: ScoreSelection) -> Replicated | None:
        return self.scores.mean(name, self.part.protocols, measure, seeds=self.part.seeds, look=look)

    def _by_protocol(self, measure: str, look: ScoreSelection) -> tuple[list[str], Callable[[str], list[str | None]]]:
        """Column titles and a row's cells; a protocol of several targets has them pooled and averaged."""
        columns = [
            marked(f"{shown(name)}{suffix}", measure, look)
            for name in self.part.protocols
            for suffix in ((", pooled", ", averaged") if has_several(name) else ("",))
        ]

        def cells(method: str) -> list[str | None]:
            rows = []
            for name in self.part.protocols:
                rows.append(percent(self.scores.over(method, name, measure, seeds=self.part.seeds, look=look)))
                if has_several(name):
                    rows.append(percent(self._averaged(method, name, measure, look)))
            return rows

        return columns, cells

    def _means(self, measure: str, look: ScoreSelection) -> tuple[list[str], Callable[[str], list[str | None]]]:
        """Titles and cells of the mean over protocols; both ways where a protocol has several targets."""
        if not self._several():
            return [marked("mean", measure, look)], lambda name: [percent(self._mean(name, measure, look))]

        def cells(name: str) -> list[str | None]:
            parts = [self._averaged(name, protocol, measure, look) for protocol in self.part.protocols]
            known = [part for part in parts if part is not None]
            averaged = mean_over(known) if len(known) == len(parts) else None
            return [percent(self._mean(name, measure, look)), percent(averaged)]

        return [marked(f"mean ({way})", measure, look) for way in ("pooled", "averaged")], cells

    def _averaged(self, method: str, protocol: str, measure: str, look: ScoreSelection) -> Replicated | None:
        """Mean over the targets of a protocol, of which there may be one."""
        average = self.scores.averaged if has_several(protocol) else self.scores.over
        return average(method, protocol, measure, seeds=self.part.seeds, look=look)

    def _several(self) -> bool:
        return any(map(has_several, self.part.protocols))

    def _pools(self) -> str:
        return "Targets of one protocol are pooled." if self._several() else ""

    def _community(self, title: str, measure: str, look: ScoreSelection) -> str:
        return f"Community rule {DAGGER}: {title}" if peeks(measure, look) else title

    def _rates_table(self, title: str, measure: str, look: ScoreSelection, note: str) -> Table:
        """A measure by protocol, its means, the mean AUC and the size of the method."""
        columns, cells = self._by_protocol(measure, look)
        heads, means = self._means(measure, look)
        area = marked(f"mean AUC %{' (pooled)' if self._several() else ''}", "auc", look)
        return self._table(
            self._community(title, measure, look),
            ("method", *columns, *heads, area, SIZE),
            lambda name: (*cells(name), *means(name), percent(self._mean(name, "auc", look)), self._size(name)),
            note,
        )

    def _has_missing(self) -> bool:
        return any(result["missing"] for name in self.part.methods for result in self._results(name))

    def _results(self, name: str) -> Iterator[Mapping[str, Any]]:
        results = (
            self.scores.find(name, protocol, seed) for protocol in self.part.protocols for seed in self.part.seeds
        )
        return (one for one in results if one is not None)

    def _size(self, name: str) -> str | None:
        """Trainable and all parameters, in millions."""
        one = next(self._results(name), None)
        if one is None:
            return None
        # what a closed form keeps in buffers is fitted too, and no parameter
        trained = f"{one['trainable'] / 1e6:.2f}" if one["trainable"] else "closed form"
        return f"{trained} / {one['parameters'] / 1e6:.2f}"

    def _fills(self) -> str:
        """Fill value of a missing sensor, as each method's runs recorded it."""
        by_fill: dict[str, list[str]] = {}
        for name in self.part.methods:
            one = next(self._results(name), None)
            if one is not None:
                by_fill.setdefault(str(one["missing_fill"]), []).append(self._label(name))
        fills = "; ".join(f"{fill} in {', '.join(labels)}" for fill, labels in by_fill.items())
        return f"What stands for a missing sensor (missing_fill): {fills}. "

    def _table(
        self,
        title: str,
        columns: Sequence[str],
        row: Callable[[str], tuple[str | None, ...]],
        note: str,
        *,
        without: str | None = None,
        interval: str | None = None,
    ) -> Table:
        """A row for every method that has a figure.

        Args:
            title, columns: of the table, without the part's name.
            row: method -> its cells.
            note: after the sentence on intervals.
            without: a method that has no row.
            interval: the sentence on what the intervals are over, where they are not over subjects and seeds.
        """
        rows = [(self._label(name), *row(name)) for name in self.part.methods if name != without]
        over = covered(len(self.part.seeds)) if interval is None else interval
        again = ", those of a domain that several protocols test under each of them" if self._shares() else ""
        whole = f"{over}, {self._count()} captures tested{again}. {note}".strip()
        if any(DAGGER in text for text in (title, *columns)):
            whole = f"{whole} {PEEKS}."
        measured = range(1, len(columns)) if SIZE not in columns else range(1, columns.index(SIZE))
        kept = tuple(one for one in rows if any(one[place] is not None for place in measured))
        return Table(f"{self.part.title}: {title}", tuple(columns), kept, note=whole, simulated=self.simulated)

    def _count(self) -> int:
        return sum(len(rows["label"]) for rows in self._tested())

    def _shares(self) -> bool:
        """Whether a domain is a target of several protocols."""
        targets = [set(rows["domain"]) for rows in self._tested()]
        return len(set().union(*targets)) < sum(map(len, targets))

    def _tested(self) -> Iterator[Mapping[str, Any]]:
        """Rows that each protocol tests, where a cell of it is there."""
        for protocol in self.part.protocols:
            results = (self.scores.find(n, protocol, s) for n in self.part.methods for s in self.part.seeds)
            result = next((one for one in results if one is not None), None)
            if result is not None:
                yield result["rows"]["test"]
