"""Tables over many domains: means with intervals for further domains, groups of species, wrong and missing sensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from facewarden.data.text import counted
from facewarden.experiments.domain_generalization.degraded_sensors import DEGRADED
from facewarden.experiments.domain_generalization.domain_figures import DomainFigures, domain_figures
from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection
from facewarden.experiments.domain_generalization.labels import in_percent, marked
from facewarden.experiments.domain_generalization.table_layout import PartLayout
from facewarden.metrics.crossed import CrossedMean
from facewarden.reporting.document import Table

TITLES = {
    "hter": "HTER, dev threshold",
    "auc": "AUC",
    "threshold_regret": "threshold regret",
    "bpcer20": "BPCER at APCER 5 %",
    "hter_at_target_eer": "HTER at target EER",
}
_PLAIN = ScoreSelection()


@dataclass(frozen=True)
class DomainTables(PartLayout):
    """Tables of a part whose protocols have several targets."""

    _known: dict[tuple[str, ScoreSelection], dict[str, DomainFigures]] = field(default_factory=dict)

    def domains(self) -> tuple[Table, ...]:
        """Means over domains, paired differences and groups of species; none where there are few domains."""
        names = self._domain_names()
        if len(names) < 2:
            return ()
        said = "APCER 5 %: at most, of all attacks of a domain together. Regret: HTER less HTER at the target's EER."
        made = [self._over("", tuple(TITLES), said)]
        if self.part.baseline is not None:
            made.append(self._paired())
        groups = sorted({n for m in self.part.methods for n in self._figures(m, _PLAIN) if n.startswith("auc of ")})
        if groups:
            made.append(self._over("by group of species: ", tuple(groups), self._having(groups)))
        return tuple(made)

    def degraded(self) -> tuple[Table, ...]:
        """What each wrong sensor costs, where the plan asked for it."""
        looks = [ScoreSelection(degraded=what) for what in DEGRADED]
        if not any(self._figures(name, look) for name in self.part.methods for look in looks):
            return ()

        def row(measure: str, *, own: bool) -> Callable[[str], tuple[str | None, ...]]:
            return lambda name: tuple(
                _shown(
                    self._figures(name, ScoreSelection(degraded=what, own_threshold=own)).get(measure),
                    proportion=True,
                )
                for what in ("", *DEGRADED)
            )

        columns = ("method", "all good", *DEGRADED)
        titles = {
            "HTER %, threshold of good sensors": row("hter", own=False),
            "HTER %, threshold of sources degraded alike": row("hter", own=True),
            "AUC %": row("auc", own=False),
        }
        return tuple(
            self._table(f"Degraded sensors, last epoch: {title}", columns, made, "", interval=self._interval())
            for title, made in titles.items()
        )

    def _over(self, prefix: str, names: Sequence[str], note: str) -> Table:
        columns = tuple(f"{marked(TITLES.get(name, name.replace('auc', 'AUC')), name, _PLAIN)} %" for name in names)

        def row(method: str) -> tuple[str | None, ...]:
            figures = self._figures(method, _PLAIN)
            return tuple(_shown(figures.get(name), proportion=name != "threshold_regret") for name in names)

        return self._table(
            f"Over domains, {prefix}last epoch", ("method", *columns), row, note, interval=self._interval()
        )

    def _having(self, groups: Sequence[str]) -> str:
        """How many domains each group's mean is over."""
        found = []
        for name in groups:
            domains = {d for m in self.part.methods if (f := self._figures(m, _PLAIN).get(name)) for d in f.domains}
            found.append(f"{name.removeprefix('auc of ')} {len(domains)}")
        return f"Domains that have the group: {', '.join(found)}."

    def _paired(self) -> Table:
        assert self.part.baseline is not None
        base = self._figures(self.part.baseline, _PLAIN)

        def row(method: str) -> tuple[str | None, ...]:
            ours = self._figures(method, _PLAIN)
            return tuple(
                _mean_shown(ours[name].minus(base[name]), proportion=False) if name in ours and name in base else None
                for name in TITLES
            )

        columns = tuple(marked(title, name, _PLAIN) for name, title in TITLES.items())
        return self._table(
            f"Over domains, paired difference to {self._label(self.part.baseline)}, percentage points, last epoch",
            ("method", *columns), row, "Both methods on the same domains and seeds; below 0 is better for HTER.",
            without=self.part.baseline, interval=self._interval(),
        )  # fmt: skip

    def _figures(self, method: str, look: ScoreSelection) -> dict[str, DomainFigures]:
        """Every figure of a method; none where a cell is missing."""
        key = (method, look)
        if key not in self._known:
            found = domain_figures(self.scores.find, method, self.part.protocols, seeds=self.part.seeds, look=look)
            self._known[key] = found or {}
        return self._known[key]

    def _domain_names(self) -> set[str]:
        return {
            name
            for method in self.part.methods
            for one in self._figures(method, _PLAIN).values()
            for name in one.domains
        }

    def _interval(self) -> str:
        seeds = counted(len(self.part.seeds), "seed")
        over = "and trainings: domains and seeds are crossed random effects"
        if len(self.part.seeds) == 1:
            over = "after these trainings: what another seed would give is not in it"
        mean = "Mean of the domains' own figures"
        if self._shares():
            mean += "; a domain under several protocols counts once, with the mean of its figures there"
        domains = counted(len(self._domain_names()), "domain")
        return f"{mean} [95 % interval for further domains {over}]; {domains}, {seeds}"


def _shown(figures: DomainFigures | None, *, proportion: bool) -> str | None:
    if figures is not None and len(figures.domains) == 1:  # one draw has no spread: the figure stands alone
        return f"{100 * float(figures.values.mean()):.1f}"
    return None if figures is None else _mean_shown(figures.mean(), proportion=proportion)


def _mean_shown(found: CrossedMean | None, *, proportion: bool) -> str | None:
    return None if found is None else in_percent(found.interval(proportion=proportion))
