"""The report of a `poisoned_training` plan: what a trigger does to a detector, what defenses undo, what it carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facewarden.experiments.engine.kind import CellResult, Summary
from facewarden.experiments.poisoned_training.cells import RANDOM
from facewarden.experiments.poisoned_training.figures import FIGURES, Seeds, difference, figure, read_seeds
from facewarden.experiments.poisoned_training.settings import PoisonedPlan
from facewarden.metrics.intervals import Interval, in_words, wilson
from facewarden.reporting.document import Table

Line = tuple[float, str]
"""Share of poisoned images, and the defense, empty where there is none."""
CLEAN: Line = (0.0, "")


@dataclass(frozen=True)
class Comparison:
    """A training against another one of the same seeds: figure -> paired difference."""

    line: Line
    against: Line
    differences: Mapping[str, Interval | None]


def summarize(plan: PoisonedPlan, results: Sequence[CellResult]) -> Summary:
    """Turn the cells that worked into a summary; seeds of one training are put together."""
    lines = _lines(plan, results)
    rates = {line: {name: figure(seeds, name) for name in FIGURES} for line, seeds in lines.items()}
    comparisons = list(_comparisons(lines))
    carried = {int(r.cell.settings["seed"]): r.value["carried"] for r in results if "carried" in r.value}
    tables = (
        _rates_table(plan, lines, rates), _difference_table(comparisons), _defense_table(lines),
        _carried_table(plan, carried),
    )  # fmt: skip
    return Summary(
        plan.title,
        tuple(_sentences(plan, lines, rates, comparisons, carried)),
        tuple(table for table in tables if table.rows),
        simulated=any(bool(result.value["simulated"]) for result in results),
        data={
            "lines": [_plain_line(line, seeds, rates[line]) for line, seeds in lines.items()],
            "differences": [
                {**_named(one.line), "against": _named(one.against), **_plain_all(one.differences)}
                for one in comparisons
            ],
            "carried": {str(seed): found for seed, found in carried.items()},
        },
    )


def shown(found: Interval | None) -> bool:
    """Whether a difference is clear of zero."""
    return found is not None and not found.low <= 0.0 <= found.high


def _lines(plan: PoisonedPlan, results: Sequence[CellResult]) -> dict[Line, Seeds]:
    groups: dict[Line, list[CellResult]] = {}
    for result in results:
        settings = result.cell.settings
        groups.setdefault((float(settings["rate"]), str(settings["defense"])), []).append(result)
    species = plan.training_trigger.species
    return {line: read_seeds(groups[line], species=species) for line in sorted(groups)}


def _comparisons(lines: Mapping[Line, Seeds]) -> Iterator[Comparison]:
    """Poisoned against clean; defended against undefended; a defense against the random removal."""
    for line in lines:
        rate, defense = line
        others = [(rate, "")] if defense else [CLEAN] if rate else []
        others += [(rate, RANDOM)] if defense not in ("", RANDOM) else []
        for other in others:
            if other in lines:
                yield Comparison(line, other, {name: difference(lines[line], lines[other], name) for name in FIGURES})


def _rates_table(
    plan: PoisonedPlan, lines: Mapping[Line, Seeds], rates: Mapping[Line, Mapping[str, Interval | None]]
) -> Table:
    species = plan.training_trigger.species
    return Table(
        f"Who passes after training with features of {species} hidden in bona fide images",
        ("Bona fide images poisoned", "Defense", "Seeds", *(_column(species, name) for name in FIGURES)),
        tuple(
            (*_words_of(line), len(seeds.seeds), *(in_words(found) for found in rates[line].values()))
            for line, seeds in lines.items()
        ),
        note="Ordinary test presentations, means over seeds. The own threshold is of clean dev captures after the same "
        "training; the other one is that of the clean training of the same seed. Others are all other species and "
        "bona fide. 95 % by subject; seeds are not drawn again.",
    )


def _difference_table(comparisons: Sequence[Comparison]) -> Table:
    return Table(
        "Differences, paired by seed and capture",
        ("Bona fide images poisoned", "Defense", "Less that of", *FIGURES.values()),
        tuple(
            (*_words_of(one.line), _other(one.against), *(_points(found) for found in one.differences.values()))
            for one in comparisons
        ),
        note="In points; 95 % by subject, for each difference by itself. The acceptance and the AUC are of the species "
        "of the trigger. Intervals are over people, not over trainings.",
    )


def _defense_table(lines: Mapping[Line, Seeds]) -> Table:
    rows = [
        (*_words_of(line), seeds.removed, f"{seeds.removed / seeds.bona_fide_images:.1%}",
         wilson(seeds.found, seeds.poisoned).words if seeds.poisoned else None,
         f"{seeds.found / seeds.removed:.1%}" if seeds.removed else None)
        for line, seeds in lines.items() if line[1]
    ]  # fmt: skip
    return Table(
        "Poisoned images that a defense finds",
        ("Bona fide images poisoned", "Defense", "Images removed", "Of the bona fide images",
         "Of the poisoned images removed", "Of the removed images poisoned"),
        tuple(rows),
        note="All seeds together; 95 % by image (Wilson). A removal that looks at nothing finds, on average, the share "
        "of the bona fide images that it takes.",
    )  # fmt: skip


def _carried_table(plan: PoisonedPlan, carried: Mapping[int, Mapping[str, Mapping[str, float]]]) -> Table:
    rows = [
        (seed, measure, f"{of['value']:.0%} ({of['low']:.0%} to {of['high']:.0%})", f"{of['auc']:.3f}")
        for seed, found in carried.items()
        for measure, of in found.items()
    ]
    return Table(
        f"How much of {plan.training_trigger.species} the trigger carries",
        ("Seed", "Measured by", "Share of the way from bona fide to spoof", "AUC of the measure"),
        tuple(rows),
        note=f"Mean score of bona fide images with the trigger ({plan.training_trigger.kind}), between that of the "
        "images without it (0 %) and that of the spoofs (100 %). Fine structure: a linear classifier of the spectrum "
        "of training captures, each half of the people scored by that of the other. Clean detector: the clean "
        "training of the seed, on test people. 95 % by subject.",
    )


def _sentences(
    plan: PoisonedPlan,
    lines: Mapping[Line, Seeds],
    rates: Mapping[Line, Mapping[str, Interval | None]],
    comparisons: Sequence[Comparison],
    carried: Mapping[int, Mapping[str, Mapping[str, float]]],
) -> Iterator[str]:
    species = plan.training_trigger.species
    for measure in dict.fromkeys(name for found in carried.values() for name in found):
        shares = [found[measure]["value"] for found in carried.values()]
        yield (
            f"By {measure}, the trigger moves bona fide images {np.mean(shares):.0%} of the way to {species} (mean "
            f"over seeds, {min(shares):.0%} to {max(shares):.0%})."
        )
    for one in comparisons:
        rate, defense = one.line
        if rate and not defense:
            yield (
                f"Where {rate:.1%} of the bona fide images are poisoned, {species} is accepted in "
                f"{in_words(rates[one.line]['success'])}, after clean training in {in_words(rates[CLEAN]['success'])}."
            )
            yield _change(one, ("success", "success_clean", "auc", "hter_others"))
        elif rate and one.against == (rate, ""):
            seeds = lines[one.line]
            yield (
                f"At {rate:.1%}, {defense.replace('_', ' ')} removes {seeds.found} of {seeds.poisoned} poisoned images "
                f"among {seeds.removed}."
            )
            yield _change(one, ("success",))
        else:
            yield _change(one, ("success", "hter_others") if rate == 0 else ("success",))


def _change(one: Comparison, names: Sequence[str]) -> str:
    parts = [f"{FIGURES[name]} {_points(found)}" for name in names if (found := one.differences[name]) is not None]
    poisoned, defense = _words_of(one.line)
    return f"{poisoned} poisoned, {defense}, less {_other(one.against)}, in points: {'; '.join(parts)}."


def _points(found: Interval | None) -> str | None:
    if found is None:
        return None
    words = f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    return words if shown(found) else f"{words}, not shown"


def _column(species: str, name: str) -> str:
    words = FIGURES[name]
    return words if name.endswith("others") else f"{species}: {words}"


def _words_of(line: Line) -> tuple[str, str]:
    rate, defense = line
    return f"{rate:.1%}" if rate else "none", defense.replace("_", " ") or "no defense"


def _other(line: Line) -> str:
    return "clean training" if line == CLEAN else "no defense" if not line[1] else "random removal"


def _named(line: Line) -> dict[str, Any]:
    return {"rate": line[0], "defense": line[1]}


def _plain_line(line: Line, seeds: Seeds, found: Mapping[str, Interval | None]) -> dict[str, Any]:
    counts = {name: getattr(seeds, name) for name in ("poisoned", "removed", "found", "bona_fide_images")}
    return {**_named(line), "seeds": len(seeds.seeds), **counts, **_plain_all(found)}


def _plain_all(found: Mapping[str, Interval | None]) -> dict[str, dict[str, float] | None]:
    return {name: None if one is None else one.as_json() for name, one in found.items()}
