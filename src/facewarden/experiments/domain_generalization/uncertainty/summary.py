"""Summary of a plan of kind `uncertainty`: areas of U and of alternatives, and what damage does to other sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facewarden.data.text import counted
from facewarden.experiments.domain_generalization.labels import in_percent
from facewarden.experiments.domain_generalization.uncertainty.signals import TITLES
from facewarden.experiments.engine.kind import Summary
from facewarden.metrics.crossed import CrossedMean, crossed_mean
from facewarden.reporting.document import Table

GATED, UNGATED = "with the gate", "without the gate"
_OURS = "u_mean"
Results = Mapping[int, Mapping[str, Any]]


def summarize_uncertainty(title: str, by_variant: Mapping[str, Results], *, worst: float) -> Summary:
    """Tables and sentences.

    Args:
        title: of the plan.
        by_variant: with the gate and without -> seed -> result of the cell.
        worst: share of a site's patches that count as unreliable.
    """
    gated, ungated = by_variant.get(GATED, {}), by_variant.get(UNGATED, {})
    simulated = any(one["simulated"] for some in by_variant.values() for one in some.values())
    signals = _signals(gated)
    areas = {name: _mean(table) for name, table in signals.items()}
    tables = [
        _signal_table(gated, signals, simulated=simulated, worst=worst),
        *_damage(gated, ungated, simulated=simulated),
    ]
    return Summary(
        title=title,
        sentences=tuple(_sentences(areas, signals, gated, ungated)),
        tables=tuple(table for table in tables if table.rows),
        simulated=simulated,
        data={
            "areas": {name: _plain(one, proportion=True) for name, one in areas.items() if one is not None},
            "damage": {what: {name: _plain(mean) for name, mean in one.items()}
                       for what, one in _moves(gated, ungated).items()},
            "auc": {variant: {str(seed): one["auc"] for seed, one in some.items()}
                    for variant, some in by_variant.items()},
        },
    )  # fmt: skip


def domain_table(results: Results, values: Mapping[int, Sequence[float | None]], domains: Sequence[str]) -> Any:
    """(domains, seeds) means of per-capture values; domains that lack one are left out.

    Args:
        results: by seed.
        values: seed -> value of every capture, None where there is none.
        domains: of the captures, the same for all seeds.
    """
    where = np.array(domains)
    rows = []
    for name in sorted(set(domains)):
        row = []
        for seed in sorted(results):
            own = np.array([np.nan if one is None else one for one in values[seed]], np.float64)[where == name]
            row.append(float(np.nanmean(own)) if np.isfinite(own).any() else np.nan)
        rows.append(row)
    table = np.array(rows, np.float64).reshape(-1, max(1, len(results)))
    return table[np.isfinite(table).all(axis=1)]


def _signals(results: Results) -> dict[str, Any]:
    if not results:
        return {}
    first = next(iter(results.values()))["patches"]
    return {
        name: domain_table(
            results, {seed: one["patches"]["signals"][name] for seed, one in results.items()}, first["domain"]
        )
        for name in TITLES
    }


def _mean(table: Any) -> CrossedMean | None:
    return crossed_mean(table) if len(table) > 1 else None


def _shown(mean: CrossedMean | None, *, proportion: bool = True) -> str | None:
    return None if mean is None else in_percent(mean.interval(proportion=proportion))


def _precise(mean: CrossedMean | None) -> str | None:
    """Percent with two digits that count: what damage moves may be much below a tenth of a percent."""
    if mean is None:
        return None
    interval = mean.interval()
    return f"{100 * mean.value:.2g} [{100 * interval.low:.2g}, {100 * interval.high:.2g}]"


def _signal_table(results: Results, signals: Mapping[str, Any], *, simulated: bool, worst: float) -> Table:
    rows = []
    for name, table in signals.items():
        apart = _mean(table - signals[_OURS]) if name != _OURS and table.shape == signals[_OURS].shape else None
        rows.append((TITLES[name], _shown(_mean(table)), _shown(apart, proportion=False), len(table)))
    first = next(iter(results.values()), None)
    held = {} if first is None else first["patches"]
    count = f"{held['count']} patches, of which {held['marked']} are unreliable. " if held else ""
    return Table(
        "AUROC of what may tell an unreliable depth patch",
        ("signal", "AUROC %", "less 1 - U, points", "sites"), tuple(rows),
        note=f"Unreliable: the {100 * worst:.0f} % of a site's patches with the largest true error of depth. Area "
        "within each capture, mean over captures, sites and seeds [95 % interval for further sites and trainings]. "
        f"50 % is chance. {count}No signal sees the true error.",
        simulated=simulated,
    )  # fmt: skip


def _moves(gated: Results, ungated: Results) -> dict[str, dict[str, CrossedMean]]:
    """Sensor and damage -> name of a measure -> mean over domains and seeds."""
    if not gated:
        return {}
    first = next(iter(gated.values()))["damage"]
    found: dict[str, dict[str, CrossedMean]] = {}
    for what in first["measures"]:
        tables = {
            name: domain_table(
                gated, {seed: one["damage"]["measures"][what][name] for seed, one in gated.items()}, first["domain"]
            )
            for name in first["measures"][what]
        }
        tables["spared"] = tables["moved_off"] - tables["moved"]
        if set(ungated) == set(gated):
            for name in ("moved", "flipped"):
                values = {seed: one["damage"]["measures"][what][name] for seed, one in ungated.items()}
                tables[f"{name}_without"] = domain_table(ungated, values, first["domain"])
        means = {name: _mean(table) for name, table in tables.items()}
        found[what] = {name: mean for name, mean in means.items() if mean is not None}
    return found


def _damage(gated: Results, ungated: Results, *, simulated: bool) -> list[Table]:
    rows, decisions = [], []
    for what, one in _moves(gated, ungated).items():
        rows.append((what, _shown(one.get("detected")), _precise(one.get("moved")),
                     _precise(one.get("moved_off")), _precise(one.get("spared")),
                     _precise(one.get("moved_without"))))  # fmt: skip
        decisions.append((what, *(_shown(one.get(name)) for name in ("flipped", "flipped_off", "flipped_without"))))
    first = next(iter(gated.values()), None)
    captures = 0 if first is None else len(first["damage"]["domain"])
    note = f"{captures} captures, {counted(len(gated), 'seed')}; [95 % interval for further sites and trainings]."
    return [
        Table(
            "A damaged region of one sensor: does U find it, do the other sensors move",
            ("damage", "low U finds it, AUROC %", "others move, %", "the same, gate off", "spared by the gate, points",
             "trained without the gate"), tuple(rows),
            note=f"Others: class tokens of the two sensors that are whole, length of the change as a share of their "
            f"length. Gate off: the same weights with certainties of 1. {note}", simulated=simulated,
        ),
        Table(
            "Decisions that flip when a region is damaged, %",
            ("damage", "with the gate", "the same, gate off", "trained without the gate"), tuple(decisions), note=note,
            simulated=simulated,
        ),
    ]  # fmt: skip


def _sentences(
    areas: Mapping[str, CrossedMean | None], signals: Mapping[str, Any], gated: Results, ungated: Results
) -> list[str]:
    said = []
    ours = areas.get(_OURS)
    if ours is not None:
        interval = ours.interval(proportion=True)
        word = "finds them" if interval.low > 0.5 else "points the wrong way" if interval.high < 0.5 else "is chance"
        said.append(
            f"AUROC of 1 - U for the depth patches with the largest true error: {in_percent(interval)} %; it {word} "
            f"({ours.domains} sites, {counted(ours.seeds, 'seed')})."
        )
        others = {name: one for name, one in areas.items() if one is not None and not name.startswith("u_")}
        if others:
            best = max(others, key=lambda name: others[name].value)
            apart = _mean(signals[best] - signals[_OURS]) if signals[best].shape == signals[_OURS].shape else None
            tail = "" if apart is None else f", {_shown(apart, proportion=False)} points over 1 - U"
            said.append(f"The best alternative is the {TITLES[best]}: {_shown(others[best])} %{tail}.")
    for what, one in _moves(gated, ungated).items():
        spared = one.get("spared")
        if spared is None:
            continue
        interval = spared.interval()
        word = "protects" if interval.low > 0 else "makes it worse" if interval.high < 0 else "shows no effect"
        said.append(
            f"{what} in a region: the gate {word}, other sensors' class tokens move "
            f"{_precise(spared)} points of their length less than with the gate off, where they move "
            f"{_precise(one.get('moved_off'))} %."
        )
    return said


def _plain(mean: CrossedMean, *, proportion: bool = False) -> dict[str, Any]:
    interval = mean.interval(proportion=proportion)
    return {"value": mean.value, "low": interval.low, "high": interval.high, "sites": mean.domains,
            "seeds": mean.seeds}  # fmt: skip
