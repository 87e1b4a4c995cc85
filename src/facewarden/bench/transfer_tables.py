"""The tables of a plan of kind `presentation`; what peeks at the target carries a dagger and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facewarden.bench.transfer_cell import LAST_EPOCH, ORACLE_TARGET_EPOCH, SOURCE_DEV_EPOCH
from facewarden.bench.transfer_chance import chance_of
from facewarden.bench.transfer_scores import Look, Scores
from facewarden.bench.transfer_settings import Part, PresentationPlan
from facewarden.bench.transfer_words import (
    DAGGER,
    PEEKS,
    SIZE,
    counted,
    covered,
    has_several,
    in_percent,
    marked,
    peeks,
    percent,
    shown,
)
from facewarden.metrics.pad import auc, eer
from facewarden.metrics.transfer import Replicated, difference, mean_over
from facewarden.report.document import Table

MISSING = {"depth": "D missing", "infrared": "I missing", "depth+infrared": "D&I missing"}
COMPARED = (
    ("HTER, dev threshold", "hter", LAST_EPOCH),
    ("AUC", "auc", LAST_EPOCH),
    ("HTER at target EER", "hter_at_target_eer", ORACLE_TARGET_EPOCH),
)
"""Title, measure and selection rule of the paired differences."""
_PLAIN = Look()


@dataclass(frozen=True)
class PartTables:
    """Tables of one part.

    Attributes:
        plan, part, scores: what they are made of.
        simulated: whether the captures are.
    """

    plan: PresentationPlan
    part: Part
    scores: Scores
    simulated: bool

    def all(self) -> tuple[Table, ...]:
        """Every table that has something to show."""
        if self.part.check == "chance":
            return (self.chance(),)
        if self.part.check == "dev":
            return (self.dev(),)
        made = [self.main(), self.areas(_PLAIN), self.rules(), self.community(), self.rates()]
        if self.plan.every_epoch:  # else the community's area is that of the last epoch, which is there already
            made.insert(4, self.areas(Look(ORACLE_TARGET_EPOCH)))
        if self.part.baseline is not None:
            made.append(self.paired())
        if self.plan.missing and self._has_missing():
            made += [self.missing("hter"), self.missing("auc"), self.missing("hter_at_target_eer")]
        return tuple(made)

    def main(self) -> Table:
        """HTER at the threshold frozen on source dev, last epoch, by protocol."""
        return self._rates_table(
            "HTER % at the threshold frozen on the sources' dev, last epoch", "hter", _PLAIN,
            "Nothing of the target decides threshold or epoch; every resample draws the dev subjects too and sets the "
            "threshold anew.",
        )  # fmt: skip

    def community(self) -> Table:
        """The community's rule by protocol, as papers print it."""
        look = Look(ORACLE_TARGET_EPOCH if self.plan.every_epoch else LAST_EPOCH)
        return self._rates_table(f"HTER % at the target's EER, {look.rule}", "hter_at_target_eer", look, "")

    def areas(self, look: Look) -> Table:
        """AUC by protocol; papers print HTER and AUC of every target."""
        columns, cells = self._by_protocol("auc", look)
        heads, means = self._means("auc", look)
        note = "" if peeks("auc", look) else "Nothing of the target decides the epoch, and an area has no threshold."
        return self._table(
            self._community(f"AUC %, {look.rule.replace('last_epoch', 'last epoch')}", "auc", look),
            ("method", *columns, *heads),
            lambda name: (*cells(name), *means(name)),
            note,
        )

    def rules(self) -> Table:
        """What each rule of selection and threshold makes of the same runs, mean over protocols."""
        rules: list[tuple[str, str, Look]] = [
            ("HTER, dev threshold, last_epoch", "hter", _PLAIN),
            ("the same per video", "hter", Look(video=True)),
        ]
        if self.plan.every_epoch:
            rules.append(("HTER, dev threshold, source_dev_epoch", "hter", Look(SOURCE_DEV_EPOCH)))
        rules.append(("HTER at target EER, last_epoch", "hter_at_target_eer", _PLAIN))
        if self.plan.every_epoch:
            best = Look(ORACLE_TARGET_EPOCH)
            rules.append(("HTER at target EER, oracle_target_epoch", "hter_at_target_eer", best))
        return self._table(
            "The same runs under each rule, mean over protocols, %",
            ("method", *(marked(*rule) for rule in rules)),
            lambda name: tuple(percent(self._mean(name, measure, look)) for _, measure, look in rules),
            self._pools(),
        )

    def rates(self) -> Table:
        """ISO/IEC 30107-3 rates at the frozen threshold, means over seeds and protocols."""
        wanted = ("apcer_pooled", "apcer_worst_species", "bpcer", "acer_worst_species")

        def row(name: str) -> tuple[str | None, ...]:
            found = [
                self.scores.rates(name, protocol, seed) for protocol in self.part.protocols for seed in self.part.seeds
            ]
            known = [one for one in found if one is not None]
            if len(known) < len(found):
                return (None,) * len(wanted)
            cells = []
            for measure in wanted:
                values = [(one[measure].value, one[measure].low, one[measure].high) for one in known]
                value, low, high = 100 * np.array(values).mean(axis=0)
                cells.append(f"{value:.1f} [{low:.1f}, {high:.1f}]")
            return tuple(cells)

        return self._table(
            "Error rates at the threshold frozen on the sources' dev, last epoch, %",
            ("method", "APCER pooled", "APCER worst species", "BPCER", "ACER worst species"),
            row,
            "Means over protocols and seeds of the rates and of their bounds; the worst species is that of each run. "
            f"These intervals take the threshold for known. {self._pools()}",
        )

    def paired(self) -> Table:
        """Differences to the baseline on the same rows and seeds."""
        assert self.part.baseline is not None
        compared = self._compared()
        seeds = " and seed" if len(self.part.seeds) > 1 else ""
        return self._table(
            f"Paired difference to {self._label(self.part.baseline)}, percentage points, mean over protocols",
            ("method", *(marked(title, measure, Look(rule)) for title, measure, rule in compared)),
            lambda name: tuple(
                percent(self.paired_difference(name, measure, rule), proportion=False) for _, measure, rule in compared
            ),
            f"Bootstrap by subject (of dev and of the target){seeds}, each method's threshold set anew on every draw, "
            f"both methods on the same draws; below 0 is better for HTER. {self._pools()}",
            without=self.part.baseline,
        )

    def missing(self, measure: str) -> Table:
        """Sensors missing at test, mean over targets."""
        titles = {"hter": "HTER % at the threshold frozen on the sources' dev (all sensors)", "auc": "AUC %",
                  "hter_at_target_eer": "HTER % at the target's EER"}  # fmt: skip
        looks = [Look(missing=name) for name in MISSING]

        def row(name: str) -> tuple[str | None, ...]:
            cells = [self._mean(name, measure, look) for look in (_PLAIN, *looks)]
            lost = [cell for cell in cells[1:] if cell is not None]
            value = percent(mean_over(lost)) if len(lost) == len(looks) else None
            return (*(percent(cell) for cell in cells), value)

        return self._table(
            f"Sensors missing at test, last epoch: {marked(titles[measure], measure, _PLAIN)}",
            ("method", "all there", *MISSING.values(), "mean of the three"),
            row,
            "Color is never missing; the models are those of the last epoch, whatever rule other tables have. "
            f"{self._fills()}{self._pools()}",
        )

    def chance(self) -> Table:
        """AUC of methods that must have learned nothing, and whether the interval over runs holds one half."""
        columns, cells = self._by_protocol("auc", _PLAIN)

        def row(name: str) -> tuple[str | None, ...]:
            found = chance_of(self.part, self.scores, name)
            if found is None:
                return (*cells(name), None, None, None)
            return (*cells(name), in_percent(found.interval), found.verdict, found.detectable)

        runs = len(self.part.protocols) * len(self.part.seeds)
        note = (
            f"The mean's interval is Student's t over {counted(runs, 'run')}, each with labels dealt out by its own "
            "draw; a mean off by less than the half-width holds 50 % too, so a smaller leak does not show."
        )
        columns = [*columns, "mean over runs", "holds 50 %", "half-width, points"]
        return self._table("AUC % that must be chance", ("method", *columns), row, f"{note} {self.part.note}".strip())

    def dev(self) -> Table:
        """EER and AUC on the sources' own dev, last epoch: what a rate may be chosen by."""

        def row(name: str) -> tuple[str | None, ...]:
            runs = []
            for result in self._results(name):
                scores, labels = np.array(result["scores"][LAST_EPOCH]["dev"]), np.array(result["rows"]["dev"]["label"])
                runs.append((eer(scores, labels), auc(scores, labels)))
            if not runs:
                return None, None
            rates = np.mean(runs, axis=0)
            return f"{100 * rates[0]:.1f}", f"{100 * rates[1]:.1f}"

        rows = tuple((self._label(name), *row(name)) for name in self.part.methods)
        runs = len(self.part.protocols) * len(self.part.seeds)
        note = f"Mean over {runs} run{'s' if runs > 1 else ''}, without intervals: to choose by, not to report."
        return Table(
            f"{self.part.title}: on the sources' dev, last epoch", ("method", "EER %", "AUC %"),
            tuple(one for one in rows if one[1] is not None), note=f"{note} {self.part.note}".strip(),
            simulated=self.simulated,
        )  # fmt: skip

    def paired_difference(self, name: str, measure: str, rule: str) -> Replicated | None:
        """Mean over protocols of the difference to the baseline."""
        assert self.part.baseline is not None
        look = Look(rule)
        ours, theirs = self._mean(name, measure, look), self._mean(self.part.baseline, measure, look)
        return None if ours is None or theirs is None else difference(ours, theirs)

    def _compared(self) -> list[tuple[str, str, str]]:
        return [(title, measure, rule if self.plan.every_epoch else LAST_EPOCH) for title, measure, rule in COMPARED]

    def _label(self, name: str) -> str:
        return self.plan.methods[name].label

    def _mean(self, name: str, measure: str, look: Look) -> Replicated | None:
        return self.scores.mean(name, self.part.protocols, measure, seeds=self.part.seeds, look=look)

    def _by_protocol(self, measure: str, look: Look) -> tuple[list[str], Callable[[str], list[str | None]]]:
        """Column titles and a row's cells; a protocol of several targets has them pooled and averaged."""
        columns = [
            marked(f"{shown(name)}{suffix}", measure, look)
            for name in self.part.protocols
            for suffix in ((", pooled", ", averaged") if has_several(name) else ("",))
        ]

        def cells(method: str) -> list[str | None]:
            found = []
            for name in self.part.protocols:
                found.append(percent(self.scores.over(method, name, measure, seeds=self.part.seeds, look=look)))
                if has_several(name):
                    found.append(percent(self._averaged(method, name, measure, look)))
            return found

        return columns, cells

    def _means(self, measure: str, look: Look) -> tuple[list[str], Callable[[str], list[str | None]]]:
        """Titles and cells of the mean over protocols; both ways where a protocol has several targets."""
        if not self._several():
            return [marked("mean", measure, look)], lambda name: [percent(self._mean(name, measure, look))]

        def cells(name: str) -> list[str | None]:
            parts = [self._averaged(name, protocol, measure, look) for protocol in self.part.protocols]
            known = [part for part in parts if part is not None]
            averaged = mean_over(known) if len(known) == len(parts) else None
            return [percent(self._mean(name, measure, look)), percent(averaged)]

        return [marked(f"mean ({way})", measure, look) for way in ("pooled", "averaged")], cells

    def _averaged(self, method: str, protocol: str, measure: str, look: Look) -> Replicated | None:
        """Mean over the targets of a protocol, of which there may be one."""
        found = self.scores.averaged if has_several(protocol) else self.scores.over
        return found(method, protocol, measure, seeds=self.part.seeds, look=look)

    def _several(self) -> bool:
        return any(map(has_several, self.part.protocols))

    def _pools(self) -> str:
        return "Targets of one protocol are pooled." if self._several() else ""

    def _community(self, title: str, measure: str, look: Look) -> str:
        return f"Community rule {DAGGER}: {title}" if peeks(measure, look) else title

    def _rates_table(self, title: str, measure: str, look: Look, note: str) -> Table:
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
        found = (self.scores.find(name, protocol, seed) for protocol in self.part.protocols for seed in self.part.seeds)
        return (one for one in found if one is not None)

    def _size(self, name: str) -> str | None:
        """Trainable and all parameters, in millions."""
        one = next(self._results(name), None)
        return None if one is None else f"{one['trainable'] / 1e6:.2f} / {one['parameters'] / 1e6:.2f}"

    def _fills(self) -> str:
        """What stands for a missing sensor, as each method's runs recorded it."""
        by_fill: dict[str, list[str]] = {}
        for name in self.part.methods:
            one = next(self._results(name), None)
            if one is not None:
                by_fill.setdefault(str(one["missing_fill"]), []).append(self._label(name))
        told = "; ".join(f"{fill} in {', '.join(labels)}" for fill, labels in by_fill.items())
        return f"What stands for a missing sensor (missing_fill): {told}. "

    def _table(
        self,
        title: str,
        columns: Sequence[str],
        row: Callable[[str], tuple[str | None, ...]],
        note: str,
        *,
        without: str | None = None,
    ) -> Table:
        rows = [(self._label(name), *row(name)) for name in self.part.methods if name != without]
        whole = f"{covered(len(self.part.seeds))}, {self._count()} captures tested. {note}".strip()
        if any(DAGGER in text for text in (title, *columns)):
            whole = f"{whole} {PEEKS}."
        measured = range(1, len(columns)) if SIZE not in columns else range(1, columns.index(SIZE))
        kept = tuple(one for one in rows if any(one[place] is not None for place in measured))
        return Table(f"{self.part.title}: {title}", tuple(columns), kept, note=whole, simulated=self.simulated)

    def _count(self) -> int:
        total = 0
        for protocol in self.part.protocols:
            found = (self.scores.find(n, protocol, s) for n in self.part.methods for s in self.part.seeds)
            result = next((one for one in found if one is not None), None)
            total += 0 if result is None else len(result["rows"]["test"]["label"])
        return total
