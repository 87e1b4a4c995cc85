"""Tables of a plan that asks whether sensors are balanced: validity, probes, ratios of ReGrad, and blind attacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from facewarden.core.labels import ATTACK, BONA_FIDE, MODALITIES
from facewarden.data.text import counted
from facewarden.experiments.domain_generalization.balance.invariance import changes
from facewarden.experiments.domain_generalization.cell import LAST_EPOCH
from facewarden.experiments.domain_generalization.figures_over_seeds import Find
from facewarden.experiments.domain_generalization.labels import in_percent
from facewarden.experiments.domain_generalization.settings import PresentationPlan, TablePart
from facewarden.experiments.domain_generalization.written import BalanceSettings
from facewarden.metrics.crossed import CrossedMean, crossed_mean
from facewarden.metrics.pad import auc
from facewarden.reporting.document import Table

_FEWEST = 5
"""Captures of a species on the sources' dev without which nothing is said of it."""


@dataclass(frozen=True, eq=False)
class BalanceTables:
    """The tables of one part.

    Attributes:
        plan, part, find: of which.
        balance: what the plan asks.
        simulated: whether the captures are.
    """

    plan: PresentationPlan
    part: TablePart
    find: Find
    balance: BalanceSettings
    simulated: bool

    def all(self) -> list[Table]:
        """Every table that has something to show."""
        made = [self._validity(), self._methods(), self._ratios(), self._invariance()]
        return [table for table in made if table.rows]

    def sentences(self) -> list[str]:
        """Whether the control is valid, and on what it rests."""
        if not self.gaps:
            return [f"{self.part.title}: the validity of the control is unknown, a cell is missing."]
        worst = max(self.gaps, key=lambda name: self.gaps[name].value)
        gap = self.gaps[worst]
        word = "VALID" if self.valid else "NOT VALID: nothing held this sensor back, so no rule could have mended it"
        return [
            f"{self.part.title}: in {self._label(self.balance.joint)} the probe of {worst} is "
            f"{in_percent(gap.interval())} points of AUC under its unimodal training; "
            f"{100 * self.balance.margin:.0f} are asked for: {word} ({counted(gap.domains, 'site')}, "
            f"{counted(gap.seeds, 'seed')})."
        ]

    @property
    def valid(self) -> bool:
        """Whether another sensor than the dominant one is held back by the margin."""
        return any(gap.value >= self.balance.margin for gap in self.gaps.values())

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        gaps = {name: {"value": gap.value, "low": gap.interval().low, "high": gap.interval().high,
                       "sites": gap.domains, "seeds": gap.seeds} for name, gap in self.gaps.items()}  # fmt: skip
        return {"valid": self.valid if self.gaps else None, "gaps": gaps, "blind": list(self.blind),
                "invariance": changes()}  # fmt: skip

    @cached_property
    def gaps(self) -> dict[str, CrossedMean]:
        """Sensor other than the dominant -> AUC of its unimodal probe less that of its probe in the joint training."""
        found = {}
        for sensor, alone in self.balance.alone.items():
            if sensor == self.balance.sensor:
                continue
            own, joint = self._probe(alone, sensor), self._probe(self.balance.joint, sensor)
            if own is not None and joint is not None and own.shape == joint.shape and len(own) > 1:
                found[str(sensor)] = crossed_mean(own - joint)
        return found

    @cached_property
    def blind(self) -> tuple[str, ...]:
        """Species of the target that the dominant sensor cannot see.

        Those that its unimodal training does not tell on the sources' dev. With a cue it tells all of them there and
        none at the target: then they are all blind.
        """
        results = [r for p in self.part.protocols if (r := self._result(self.balance.alone[self.balance.sensor], p))]
        tested = sorted({s for r in results for s, y in _pairs(r, "test") if y == ATTACK})
        if self.balance.cue:
            return tuple(tested)
        return tuple(name for name in tested if self._unseen(results, name))

    def _unseen(self, results: list[Mapping[str, Any]], species: str) -> bool:
        areas = []
        for result in results:
            scores, labels = np.array(result["scores"][LAST_EPOCH]["dev"]), np.array(result["rows"]["dev"]["label"])
            of = np.array(result["rows"]["dev"]["species"])
            rows = (labels == BONA_FIDE) | (of == species)
            if (of == species).sum() >= _FEWEST:
                areas.append(auc(scores[rows], labels[rows]))
        return bool(areas) and float(np.mean(areas)) <= self.balance.blind

    def _label(self, name: str) -> str:
        return self.plan.methods[name].label

    def _result(self, method: str, protocol: str) -> Mapping[str, Any] | None:
        return self.find(method, protocol, self.part.seeds[0])

    def _probe(self, method: str, sensor: str) -> Any:
        """(domains, seeds) AUC of a probe; None where there is none."""
        return self._areas(method, lambda result: result.get("probes", {}).get(sensor, {}).get("test"))

    def _areas(self, method: str, scores_of: Any, *, species: tuple[str, ...] | None = None) -> Any:
        """(domains, seeds) AUC; None where a cell lacks these scores."""
        cells: dict[str, dict[int, float]] = {}
        for protocol in self.part.protocols:
            for seed in self.part.seeds:
                result = self.find(method, protocol, seed)
                scores = None if result is None else scores_of(result)
                if result is None or scores is None:
                    return None
                rows = result["rows"]["test"]
                labels, where, of = (np.array(rows[name]) for name in ("label", "domain", "species"))
                wanted = np.ones(labels.size, bool) if species is None else (labels == 1) | np.isin(of, species)
                for domain in sorted(set(where.tolist())):
                    inside = (where == domain) & wanted
                    if len(set(labels[inside].tolist())) == 2:
                        cells.setdefault(domain, {})[seed] = auc(np.array(scores)[inside], labels[inside])
        kept = [[by[seed] for seed in self.part.seeds] for _, by in sorted(cells.items())
                if set(by) == set(self.part.seeds)]  # fmt: skip
        return np.array(kept, np.float64).reshape(-1, len(self.part.seeds))

    def _shown(self, table: Any) -> str | None:
        if table is None or len(table) < 2:
            return None
        return in_percent(crossed_mean(table).interval(proportion=True))

    def _validity(self) -> Table:
        rows = []
        for sensor, alone in self.balance.alone.items():
            gap = self.gaps.get(str(sensor))
            rows.append((sensor, self._shown(self._probe(alone, sensor)),
                         self._shown(self._probe(self.balance.joint, sensor)),
                         None if gap is None else in_percent(gap.interval()),
                         "dominant" if sensor == self.balance.sensor else ""))  # fmt: skip
        cue = (
            f"At the sources a corner of {self.balance.sensor} shows the class in {100 * self.balance.cue:.0f} % of "
            "the captures, at the target it is drawn. "
            if self.balance.cue
            else ""
        )
        return Table(
            f"{self.part.title}: is the control valid",
            ("sensor", "probe after unimodal training, AUC %", f"probe in {self._label(self.balance.joint)}, AUC %",
             "held back, points", ""), tuple(rows),
            note=f"{cue}Ridge on the sensor's class token, mean over the target's sites [95 % interval for further "
            f"sites and trainings]. Valid where a sensor other than {self.balance.sensor} is held back by "
            f"{100 * self.balance.margin:.0f} points.",
            simulated=self.simulated,
        )  # fmt: skip

    def _methods(self) -> Table:
        others = [name for name in MODALITIES if name != self.balance.sensor]
        rows = []
        for name in self.part.methods:
            whole = self._areas(name, lambda result: result["scores"][LAST_EPOCH]["test"])
            blind = self._areas(name, lambda result: result["scores"][LAST_EPOCH]["test"], species=self.blind)
            probes = [self._shown(self._probe(name, sensor)) for sensor in others]
            rows.append((self._label(name), self._shown(whole), self._shown(blind), *probes))
        seen = ", ".join(self.blind) or "none"
        return Table(
            f"{self.part.title}: methods",
            ("method", "AUC %", f"AUC % on attacks that {self.balance.sensor} cannot see",
             *(f"probe of {name}, AUC %" for name in others)), tuple(row for row in rows if any(row[1:])),
            note=f"Cannot be seen: {seen}. Mean over sites [95 % interval for further sites and trainings].",
            simulated=self.simulated,
        )  # fmt: skip

    def _ratios(self) -> Table:
        rows = []
        for name in self.part.methods:
            logs = [r["log"][-1] for p in self.part.protocols for s in self.part.seeds if (r := self.find(name, p, s))]
            if len(logs) < len(self.part.protocols) * len(self.part.seeds):
                continue  # a mean over fewer runs is not set beside the others
            found = [
                _mean_of(logs, f"{what}/{sensor}") for what in ("base_ratio", "faint_base") for sensor in MODALITIES
            ]
            if any(value is not None for value in found):
                rows.append((self._label(name), *(None if v is None else f"{v:.2g}" for v in found)))
        columns = [f"{what}, {sensor}" for what in ("base / own", "faint bases") for sensor in MODALITIES]
        return Table(
            f"{self.part.title}: bases of ReGrad", ("method", *columns), tuple(rows),
            note="Last epoch, mean over runs: median over tensors of the length of the base in that of the fast side; "
            "share of tensors whose base disappears in the 1e-8 of the released rule.",
            simulated=self.simulated,
        )  # fmt: skip

    def _invariance(self) -> Table:
        rows = [(kind, *(f"{100 * value:.2g}" for value in one.values())) for kind, one in changes().items()]
        factors = list(next(iter(changes().values())))
        return Table(
            "ReGrad's step when all losses are multiplied: how far it moves, % of its length",
            ("base", *(f"times {factor}" for factor in factors)), tuple(rows),
            note="84 tensors with bases of 1e-11 to 1e-7 and own gradients of 1e-6 to 1e-3, drawn; 0 is invariant.",
        )  # fmt: skip


def _pairs(result: Mapping[str, Any], split: str) -> list[tuple[str, int]]:
    rows = result["rows"][split]
    return list(zip(rows["species"], rows["label"], strict=True))


def _mean_of(logs: list[Mapping[str, Any]], name: str) -> float | None:
    values = [float(line[name]) for line in logs if name in line]
    return float(np.mean(values)) if values else None
