"""The tables of a plan of kind `presentation`; what peeks at the target carries a dagger and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facewarden.bench.transfer_cell import LAST_EPOCH, ORACLE_TARGET_EPOCH, SOURCE_DEV_EPOCH
from facewarden.bench.transfer_scores import Look, Scores
from facewarden.bench.transfer_settings import Part, PresentationPlan
from facewarden.metrics.intervals import Interval
from facewarden.metrics.over_runs import t_interval
from facewarden.metrics.pad import auc, eer
from facewarden.metrics.transfer import Replicated, difference, mean_over
from facewarden.report.document import Table

PEEKS = "† target-peeking: the threshold is the target's own EER point, and of oracle_target_epoch the epoch too"
MISSING = {"depth": "D missing", "infrared": "I missing", "depth+infrared": "D&I missing"}
COMPARED = (("hter", LAST_EPOCH), ("auc", LAST_EPOCH), ("hter_at_target_eer", ORACLE_TARGET_EPOCH))
"""Measure and selection rule of the paired differences."""
SIZE = "parameters trained / all, millions"
_PLAIN = Look()


def percent(found: Replicated | None, *, proportion: bool = True) -> str | None:
    """A figure in percent with its 95 % interval."""
    if found is None:
        return None
    return in_percent(found.interval(proportion=proportion))


def in_percent(interval: Interval) -> str:
    """An interval in percent."""
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


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
        made = [self.main(), self.rules(), self.community(), self.rates()]
        if self.part.baseline is not None:
            made.append(self.paired())
        if self.plan.missing and self._has_missing():
            made += [self.missing("hter"), self.missing("auc"), self.missing("hter_at_target_eer")]
        return tuple(made)

    def main(self) -> Table:
        """HTER at the threshold frozen on source dev, last epoch, by protocol."""
        columns, cells = self._by_protocol("hter", _PLAIN)
        return self._table(
            "HTER % at the threshold frozen on the sources' dev, last epoch",
            ("method", *columns, "mean", "mean AUC %", SIZE),
            lambda name: (*cells(name), percent(self._mean(name, "hter", _PLAIN)),
                          percent(self._mean(name, "auc", _PLAIN)), self._size(name)),
            "Nothing of the target decides threshold or epoch; every resample draws the dev subjects too and sets the "
            "threshold anew.",
        )  # fmt: skip

    def community(self) -> Table:
        """The community's rule by protocol, as papers print it."""
        rule = Look(ORACLE_TARGET_EPOCH if self.plan.every_epoch else LAST_EPOCH)
        columns, cells = self._by_protocol("hter_at_target_eer", rule)
        return self._table(
            f"Community rule †: HTER % at the target's EER, {rule.rule}",
            ("method", *(f"{column} †" for column in columns), "mean †", "mean AUC % †", SIZE),
            lambda name: (*cells(name), percent(self._mean(name, "hter_at_target_eer", rule)),
                          percent(self._mean(name, "auc", rule)), self._size(name)),
            PEEKS + ".",
        )  # fmt: skip

    def rules(self) -> Table:
        """What each rule of selection and threshold makes of the same runs, mean over protocols."""
        shown: list[tuple[str, str, Look]] = [
            ("HTER, dev threshold, last_epoch", "hter", _PLAIN),
            ("the same per video", "hter", Look(video=True)),
        ]
        if self.plan.every_epoch:
            shown.append(("HTER, dev threshold, source_dev_epoch", "hter", Look(SOURCE_DEV_EPOCH)))
        shown.append(("HTER at target EER, last_epoch †", "hter_at_target_eer", _PLAIN))
        if self.plan.every_epoch:
            best = Look(ORACLE_TARGET_EPOCH)
            shown.append(("HTER at target EER, oracle_target_epoch †", "hter_at_target_eer", best))
        return self._table(
            "The same runs under each rule, mean over protocols, %",
            ("method", *(title for title, _, _ in shown)),
            lambda name: tuple(percent(self._mean(name, measure, look)) for _, measure, look in shown),
            PEEKS + ".",
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
            "These intervals take the threshold for known.",
        )

    def paired(self) -> Table:
        """Differences to the baseline on the same rows and seeds."""
        assert self.part.baseline is not None
        return self._table(
            f"Paired difference to {self._label(self.part.baseline)}, percentage points, mean over protocols",
            ("method", "HTER, dev threshold", "AUC", "HTER at target EER †"),
            lambda name: tuple(
                percent(self.paired_difference(name, *pair), proportion=False) for pair in self._compared()
            ),
            "Bootstrap by subject (of dev and of the target) and seed, each method's threshold set anew on every draw, "
            f"both methods on the same draws; below 0 is better for HTER. {PEEKS}.",
            without=self.part.baseline,
        )

    def missing(self, measure: str) -> Table:
        """Sensors missing at test, mean over targets."""
        titles = {"hter": "HTER % at the threshold frozen on the sources' dev (all sensors)", "auc": "AUC %",
                  "hter_at_target_eer": "HTER % at the target's EER †"}  # fmt: skip
        looks = [Look(missing=name) for name in MISSING]

        def row(name: str) -> tuple[str | None, ...]:
            cells = [self._mean(name, measure, look) for look in (_PLAIN, *looks)]
            lost = [cell for cell in cells[1:] if cell is not None]
            value = percent(mean_over(lost)) if len(lost) == len(looks) else None
            return (*(percent(cell) for cell in cells), value)

        return self._table(
            f"Sensors missing at test, last epoch: {titles[measure]}",
            ("method", "all there", *MISSING.values(), "mean of the three"),
            row,
            "Color is never missing; the models are those of the last epoch, whatever rule other tables have. "
            f"{self._fills()}{PEEKS + '.' if '†' in titles[measure] else ''}",
        )

    def chance(self) -> Table:
        """AUC of methods that must have learned nothing, and whether the interval over runs holds one half."""
        columns, cells = self._by_protocol("auc", _PLAIN)

        def row(name: str) -> tuple[str | None, ...]:
            found = self.chance_of(name)
            return (*cells(name), None if found is None else in_percent(found), self.verdict(found))

        runs = len(self.part.protocols) * len(self.part.seeds)
        note = f"The mean's interval is Student's t over {runs} runs, each with labels dealt out by its own draw."
        columns = [*columns, "mean over runs", "holds 50 %"]
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

    def verdict(self, found: Interval | None) -> str | None:
        """Whether the interval of an AUC holds one half; one run alone decides nothing."""
        if found is None:
            return None
        if found.n < 2:
            return "one run: not decided"
        return "yes" if found.low <= 0.5 <= found.high else "NO"

    def chance_of(self, name: str) -> Interval | None:
        """Mean AUC of a method over its runs, by Student's t; the value alone where there is one run."""
        held = [
            self.scores.measures(name, protocol, seed, _PLAIN)
            for protocol in self.part.protocols
            for seed in self.part.seeds
        ]
        runs = np.array([one["auc"].value for one in held if one is not None])
        if runs.size < len(held):
            return None
        if runs.size == 1:
            return Interval(float(runs[0]), 0.0, 1.0, 1, "one run")
        found = t_interval(runs)
        return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))

    def _compared(self) -> list[tuple[str, str]]:
        return [(measure, rule if self.plan.every_epoch else LAST_EPOCH) for measure, rule in COMPARED]

    def _label(self, name: str) -> str:
        return self.plan.methods[name].label

    def _mean(self, name: str, measure: str, look: Look) -> Replicated | None:
        return self.scores.mean(name, self.part.protocols, measure, seeds=self.part.seeds, look=look)

    def _by_protocol(self, measure: str, look: Look) -> tuple[list[str], Callable[[str], list[str | None]]]:
        """Column titles and a row's cells; a protocol of several targets has them pooled and averaged."""
        several = {name: "_" in name and len(name.partition("_")[2]) > 1 for name in self.part.protocols}
        columns = [
            f"{shown(name)}{suffix}"
            for name in self.part.protocols
            for suffix in ((", pooled", ", averaged") if several[name] else ("",))
        ]

        def cells(method: str) -> list[str | None]:
            found = []
            for name in self.part.protocols:
                found.append(percent(self.scores.over(method, name, measure, seeds=self.part.seeds, look=look)))
                if several[name]:
                    one = self.scores.averaged(method, name, measure, seeds=self.part.seeds, look=look)
                    found.append(percent(one))
            return found

        return columns, cells

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
        seeds = f"{len(self.part.seeds)} seed{'s' if len(self.part.seeds) > 1 else ''}, {self._count()} captures tested"
        whole = f"Value [95 % interval over subjects and seeds]; {seeds}. {note}".strip()
        counted = range(1, len(columns)) if SIZE not in columns else range(1, columns.index(SIZE))
        kept = tuple(one for one in rows if any(one[place] is not None for place in counted))
        return Table(f"{self.part.title}: {title}", tuple(columns), kept, note=whole, simulated=self.simulated)

    def _count(self) -> int:
        total = 0
        for protocol in self.part.protocols:
            found = (self.scores.find(n, protocol, s) for n in self.part.methods for s in self.part.seeds)
            result = next((one for one in found if one is not None), None)
            total += 0 if result is None else len(result["rows"]["test"]["label"])
        return total


def shown(protocol: str) -> str:
    """A protocol's name as papers write it: CPS→W."""
    return protocol.upper().replace("_", "→")
