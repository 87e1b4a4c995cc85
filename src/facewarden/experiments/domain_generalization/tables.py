"""The tables of a plan of kind `presentation`; figures that use the target's labels are marked with a dagger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.data.text import counted
from facewarden.experiments.domain_generalization.cell import LAST_EPOCH, ORACLE_TARGET_EPOCH, SOURCE_DEV_EPOCH
from facewarden.experiments.domain_generalization.chance_check import chance_of
from facewarden.experiments.domain_generalization.domain_tables import DomainTables
from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection
from facewarden.experiments.domain_generalization.labels import in_percent, marked, peeks, percent
from facewarden.experiments.domain_generalization.table_layout import PartLayout
from facewarden.metrics.pad import auc, eer
from facewarden.metrics.transfer import Replicated, difference, mean_over
from facewarden.reporting.document import Table

MISSING = {"depth": "D missing", "infrared": "I missing", "depth+infrared": "D&I missing"}
COMPARED = (
    ("HTER, dev threshold", "hter", LAST_EPOCH),
    ("AUC", "auc", LAST_EPOCH),
    ("HTER at target EER", "hter_at_target_eer", ORACLE_TARGET_EPOCH),
)
"""Title, measure and selection rule of the paired differences."""
_PLAIN = ScoreSelection()


@dataclass(frozen=True)
class PartTables(PartLayout):
    """Tables of one part."""

    def all(self) -> tuple[Table, ...]:
        """Every table that has something to show."""
        if self.part.check == "chance":
            return (self.chance(),)
        if self.part.check == "dev":
            return (self.dev(),)
        made = [self.main(), self.areas(_PLAIN), self.rules(), self.community(), self.rates()]
        if self.plan.every_epoch:  # else the community's area is that of the last epoch, which is there already
            made.insert(4, self.areas(ScoreSelection(ORACLE_TARGET_EPOCH)))
        if self.part.baseline is not None:
            made.append(self.paired())
        if self.plan.missing and self._has_missing():
            made += [self.missing("hter"), self.missing("hter", own_threshold=False)]
            made += [self.missing("auc"), self.missing("hter_at_target_eer")]
        over = DomainTables(self.plan, self.part, self.scores, self.simulated)
        return (*made, *over.domains(), *over.degraded())

    def main(self) -> Table:
        """HTER at the threshold set on source dev, last epoch, by protocol."""
        return self._rates_table(
            "HTER % at the threshold frozen on the sources' dev, last epoch", "hter", _PLAIN,
            "Nothing of the target decides threshold or epoch; every resample draws the dev subjects too and sets the "
            f"threshold anew. {self._chosen()}".strip(),
        )  # fmt: skip

    def community(self) -> Table:
        """The community's rule by protocol, as papers print it."""
        look = ScoreSelection(ORACLE_TARGET_EPOCH if self.plan.every_epoch else LAST_EPOCH)
        return self._rates_table(f"HTER % at the target's EER, {look.rule}", "hter_at_target_eer", look, "")

    def areas(self, look: ScoreSelection) -> Table:
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
        """Results of the same runs under each rule of selection and threshold, mean over protocols."""
        rules: list[tuple[str, str, ScoreSelection]] = [
            ("HTER, dev threshold, last_epoch", "hter", _PLAIN),
            ("the same per video", "hter", ScoreSelection(video=True)),
        ]
        if self.plan.every_epoch:
            rules.append(("HTER, dev threshold, source_dev_epoch", "hter", ScoreSelection(SOURCE_DEV_EPOCH)))
        rules.append(("HTER at target EER, last_epoch", "hter_at_target_eer", _PLAIN))
        if self.plan.every_epoch:
            best = ScoreSelection(ORACLE_TARGET_EPOCH)
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
            entries = [
                self.scores.rates(name, protocol, seed) for protocol in self.part.protocols for seed in self.part.seeds
            ]
            known = [one for one in entries if one is not None]
            if len(known) < len(entries):
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
            ("method", *(marked(title, measure, ScoreSelection(rule)) for title, measure, rule in compared)),
            lambda name: tuple(
                percent(self.paired_difference(name, measure, rule), proportion=False) for _, measure, rule in compared
            ),
            f"Bootstrap by subject (of dev and of the target){seeds}, each method's threshold set anew on every draw, "
            f"both methods on the same draws; below 0 is better for HTER. {self._pools()}",
            without=self.part.baseline,
        )

    def missing(self, measure: str, *, own_threshold: bool = True) -> Table:
        """Sensors missing at test, mean over targets; a subset of sensors may have a threshold of its own."""
        where = "with the same sensors missing" if own_threshold else "with all sensors"
        titles = {"hter": f"HTER % at the threshold frozen on the sources' dev {where}", "auc": "AUC %",
                  "hter_at_target_eer": "HTER % at the target's EER"}  # fmt: skip
        looks = [ScoreSelection(missing=name, own_threshold=own_threshold) for name in MISSING]

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
        """AUC of methods trained on shuffled labels, and whether the interval over runs contains one half."""
        columns, cells = self._by_protocol("auc", _PLAIN)

        def row(name: str) -> tuple[str | None, ...]:
            result = chance_of(self.part, self.scores, name)
            if result is None:
                return (*cells(name), None, None, None)
            return (*cells(name), in_percent(result.interval), result.verdict, result.detectable)

        runs = len(self.part.protocols) * len(self.part.seeds)
        note = (
            f"The mean's interval is Student's t over {counted(runs, 'run')}, each with labels permuted by its own "
            "draw; a mean off by less than the half-width holds 50 % too, so a smaller leak does not show."
        )
        columns = [*columns, "mean over runs", "holds 50 %", "half-width, points"]
        return self._table("AUC % that must be chance", ("method", *columns), row, f"{note} {self.part.note}".strip())

    def dev(self) -> Table:
        """EER and AUC on the sources' dev, last epoch: the basis on which a learning rate may be chosen."""

        wanted = len(self.part.protocols) * len(self.part.seeds)

        def row(name: str) -> tuple[str | None, ...]:
            runs = []
            for result in self._results(name):
                scores, labels = np.array(result["scores"][LAST_EPOCH]["dev"]), np.array(result["rows"]["dev"]["label"])
                runs.append((eer(scores, labels), auc(scores, labels)))
            if len(runs) < wanted:  # a mean over fewer runs is not one to choose by
                return None, None
            rates = np.mean(runs, axis=0)
            return f"{100 * rates[0]:.1f}", f"{100 * rates[1]:.1f}"

        rows = tuple((self._label(name), *row(name)) for name in self.part.methods)
        note = f"Mean over {counted(wanted, 'run')}, without intervals: to choose by, not to report."
        return Table(
            f"{self.part.title}: on the sources' dev, last epoch", ("method", "EER %", "AUC %"),
            tuple(one for one in rows if one[1] is not None), note=f"{note} {self.part.note}".strip(),
            simulated=self.simulated,
        )  # fmt: skip

    def paired_difference(self, name: str, measure: str, rule: str) -> Replicated | None:
        """Mean over protocols of the difference to the baseline."""
        assert self.part.baseline is not None
        look = ScoreSelection(rule)
        ours, theirs = self._mean(name, measure, look), self._mean(self.part.baseline, measure, look)
        return None if ours is None or theirs is None else difference(ours, theirs)

    def _chosen(self) -> str:
        """Whose settings were chosen on held-out sources, where others of the part had no such choice."""
        tuned = [name for name in self.part.methods if self.plan.methods[name].candidates]
        others = [name for name in self.part.methods if name not in tuned]
        if not tuned or not others:
            return ""
        words = [", ".join(map(self._label, names)) for names in (tuned, others)]
        return f"Settings were chosen on a fold of the sources for {words[0]}; not for {words[1]}."

    def _compared(self) -> list[tuple[str, str, str]]:
        return [(title, measure, rule if self.plan.every_epoch else LAST_EPOCH) for title, measure, rule in COMPARED]
