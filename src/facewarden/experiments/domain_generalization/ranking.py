"""Does one half of the domains rank methods as the other does, and do both rank them as their papers do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from facewarden.core import registry
from facewarden.core.labels import MODALITIES
from facewarden.core.seeding import derive
from facewarden.data.protocols.parts.transfer import HALVES
from facewarden.data.text import counted
from facewarden.experiments.domain_generalization.domain_figures import DomainFigures, domain_figures
from facewarden.experiments.domain_generalization.figures_over_seeds import Find, ScoreSelection
from facewarden.experiments.domain_generalization.labels import DAGGER
from facewarden.experiments.domain_generalization.settings import PresentationPlan, TablePart, TrainedMethod
from facewarden.experiments.domain_generalization.yardstick.rules import RANKED, RANKING, WEIGHTS
from facewarden.nn.closed_form import ClosedForm
from facewarden.reporting.document import Table

PUBLISHED: Mapping[str, float] = MappingProxyType(
    {"ViT": 35.2, "CMFL": 28.3, "AMA": 28.4, "VP-FAS": 25.5, "MMDG": 19.3, "DADM": 13.6}
)
"""Mean HTER % over the four leave-one-out protocols, as MMDG's and DADM's tables print it."""

ROUNDS = 400
FEWEST = 3
"""Methods without which no correlation of ranks is printed."""
_BY = {"hter": "HTER, dev threshold", "hter_at_target_eer": f"HTER at target EER {DAGGER}", "auc": "AUC"}
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measured:
    """Figures of methods on the same domains.

    Attributes:
        methods: their names.
        domains: their names.
        tables: one for each method, (figures, domains, seeds); NaN where a domain lacks a figure.
        weights: (figures,) of the mean over figures.
    """

    methods: tuple[str, ...]
    domains: tuple[str, ...]
    tables: tuple[Floats, ...]
    weights: Floats

    def means(self, rng: np.random.Generator | None = None) -> Floats:
        """(methods,) mean over domains, seeds and figures; of a resample of domains and of each method's seeds."""
        count = len(self.domains)
        times = np.ones(count) if rng is None else np.bincount(rng.integers(0, count, count), minlength=count)
        found = []
        for table in self.tables:
            seeds = table.shape[2]
            drawn = np.arange(seeds) if rng is None else rng.integers(0, seeds, seeds)
            of_domains = table[:, :, drawn].mean(axis=2)
            known = np.isfinite(of_domains) * times
            with np.errstate(invalid="ignore", divide="ignore"):
                each = np.where(known > 0, of_domains, 0.0) * known
                found.append(float((each.sum(axis=1) / known.sum(axis=1)) @ self.weights / self.weights.sum()))
        return np.array(found)


@dataclass(frozen=True)
class Correlation:
    """A correlation of ranks with its interval.

    Attributes:
        value, low, high: 95 %, percentiles over resamples of domains and seeds.
        methods, domains: how many.
    """

    value: float
    low: float
    high: float
    methods: int
    domains: int

    @property
    def words(self) -> str:
        """As tables print it."""
        if not np.isfinite(self.value):
            return "undefined: all are equal"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        known = {name: one if np.isfinite(one) else None for name, one in ends.items()}
        return {**known, "methods": self.methods, "domains": self.domains}


@dataclass(frozen=True, eq=False)
class Rankings:
    """The rankings of one part of a plan.

    Attributes:
        plan, part, find: of which.
    """

    plan: PresentationPlan
    part: TablePart
    find: Find

    @cached_property
    def trained(self) -> tuple[str, ...]:
        """Methods that were trained by gradient on all sensors and true labels."""
        return tuple(name for name in self.part.methods if _trained(self.plan.methods[name]))

    @cached_property
    def halves(self) -> Correlation | None:
        """Spearman's correlation of the trained methods' main means on both halves; None where there are none."""
        if not set(HALVES) <= set(self.part.protocols):
            return None
        groups = [f"main auc of {group}" for group in WEIGHTS]
        sides = [self._measured(self.trained, (name,), groups, list(WEIGHTS.values())) for name in HALVES]
        methods = [name for name in self.trained if all(side is not None and name in side.methods for side in sides)]
        if len(methods) < FEWEST:
            return None
        both = [self._measured(methods, (name,), groups, list(WEIGHTS.values())) for name in HALVES]
        one, other = (side for side in both if side is not None)
        return _correlated(one, lambda rng: (one.means(rng), other.means(rng)), _spearman, more=len(other.domains))

    @cached_property
    def published(self) -> Mapping[str, Correlation]:
        """Kendall's tau-b of our ranking by each figure and the published one; positive where they agree."""
        found = {figure: self._tau(figure) for figure in _BY}
        return {figure: one for figure, one in found.items() if one is not None}

    def _tau(self, figure: str) -> Correlation | None:
        known = {name: PUBLISHED[said] for name, said in self.plan.published.items() if name in self.part.methods}
        found = self._measured(list(known), self.part.protocols, [figure], [1.0])
        if found is None or len(found.methods) < FEWEST:
            return None
        theirs = np.array([known[name] for name in found.methods])
        sign = -1.0 if figure == "auc" else 1.0
        return _correlated(found, lambda rng: (sign * found.means(rng), theirs), _kendall)

    def tables(self, *, simulated: bool) -> list[Table]:
        """Both correlations, where there is something to correlate."""
        made = []
        halves = self.halves
        if halves is not None:
            row = ("Spearman, main mean of the AUCs by group", halves.words, halves.methods, halves.domains,
                   verdict(halves))  # fmt: skip
            made.append(
                Table(
                    f"{self.part.title}: does one half of the domains rank the trained methods as the other",
                    ("", "correlation", "methods", "domains", f"{RANKING} or more with {RANKED} methods"), (row,),
                    note="Value [95 % interval over domains and seeds].", simulated=simulated,
                )
            )  # fmt: skip
        rows = [
            (title, one.words, one.methods, one.domains)
            for name, title in _BY.items()
            if (one := self.published.get(name))
        ]
        if rows:
            said = ", ".join(f"{name} {value}" for name, value in PUBLISHED.items())
            made.append(
                Table(
                    f"{self.part.title}: Kendall's tau with the published ranking",
                    ("our ranking by", "tau-b", "methods", "domains"), tuple(rows),
                    note=f"Value [95 % interval over domains and seeds]; published mean HTER %: {said}. Other "
                    "captures, another trunk: agreement says that the order carries over, not that a figure does.",
                    simulated=simulated,
                )
            )  # fmt: skip
        return made

    def sentences(self) -> list[str]:
        """What rule 4 of the yardstick says of this part."""
        halves = self.halves
        if halves is None:
            return []
        return [
            f"{self.part.title}: the rankings of {counted(halves.methods, 'trained method')} on the two halves of "
            f"{halves.domains} domains correlate by {halves.words}: {verdict(halves)}."
        ]

    def plain(self) -> dict[str, Any]:
        """As JSON values; empty where there is nothing to correlate."""
        halves = self.halves
        taus = {name: one.plain() for name, one in self.published.items()}
        own = {} if halves is None else {"halves": {**halves.plain(), "verdict": verdict(halves)}}
        return {**own, **({"published": taus} if taus else {})}

    def _measured(
        self, methods: Sequence[str], protocols: Sequence[str], figures: Sequence[str], weights: Sequence[float]
    ) -> Measured | None:
        """Figures of those methods that have all of them; None where no two domains or no method are there."""
        found: dict[str, Mapping[str, DomainFigures]] = {}
        for name in methods:
            held = domain_figures(self.find, name, protocols, seeds=self.part.seeds, look=ScoreSelection())
            if held and all(figure in held for figure in figures):
                found[name] = held
        domains = sorted({d for one in found.values() for figure in figures for d in one[figure].domains})
        if len(domains) < 2:
            return None
        tables = []
        for one in found.values():
            table = np.full((len(figures), len(domains), len(self.part.seeds)), np.nan)
            for place, figure in enumerate(figures):
                table[place, [domains.index(name) for name in one[figure].domains]] = one[figure].values
            tables.append(table)
        return Measured(tuple(found), tuple(domains), tuple(tables), np.array(weights, np.float64))


def verdict(found: Correlation) -> str:
    """What rule 4 of the yardstick says."""
    if found.methods < RANKED:
        return f"not decided with fewer than {RANKED} methods"
    return "pass" if found.value >= RANKING else "FAIL"


def _trained(method: TrainedMethod) -> bool:
    entry = registry.load("pad", method.recipe.entry)
    closed = isinstance(entry, type) and issubclass(entry, ClosedForm)
    return not closed and not method.shuffle and set(method.only) == set(MODALITIES)


def _correlated(
    found: Measured,
    pair: Callable[[np.random.Generator | None], tuple[Floats, Floats]],
    statistic: Callable[[Floats, Floats], float],
    *,
    more: int = 0,
) -> Correlation:
    rng = np.random.default_rng(derive(0, "ranking", *found.methods))
    drawn = np.array([statistic(*pair(rng)) for _ in range(ROUNDS)])
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn.size else (np.nan, np.nan)
    value = statistic(*pair(None))
    return Correlation(value, float(low), float(high), len(found.methods), len(found.domains) + more)


def _spearman(one: Floats, other: Floats) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)


def _kendall(one: Floats, other: Floats) -> float:
    if not np.isfinite(one).all() or np.ptp(one) == 0:
        return float("nan")
    return float(kendalltau(one, other).statistic)
