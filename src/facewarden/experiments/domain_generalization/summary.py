"""Summary of a plan of kind `presentation`: sentences, tables, figures, and the audit of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facewarden.data.text import counted
from facewarden.experiments.domain_generalization.balance.summary import BalanceTables
from facewarden.experiments.domain_generalization.cell import LAST_EPOCH
from facewarden.experiments.domain_generalization.chance_check import chance_of
from facewarden.experiments.domain_generalization.figures_over_seeds import Find, ScoreSelection, ScoresOverSeeds
from facewarden.experiments.domain_generalization.labels import has_several, peeks, percent, shown
from facewarden.experiments.domain_generalization.ranking import Rankings
from facewarden.experiments.domain_generalization.settings import PresentationPlan, TablePart
from facewarden.experiments.domain_generalization.tables import PartTables
from facewarden.experiments.domain_generalization.tuning import tuned_records, tuning_table
from facewarden.experiments.engine.kind import Summary
from facewarden.metrics.transfer import Replicated
from facewarden.reporting.document import Figure, Table


def summarize_transfer(plan: PresentationPlan, find: Find) -> Summary:
    """Summarize the cells that worked.

    Args:
        plan: as it was read.
        find: (method, protocol, seed) -> result, None where the cell failed.
    """
    scores = ScoresOverSeeds(find)
    results = _results(plan, find)
    simulated = any(result["simulated"] for result in results)
    sentences: list[str] = []
    tables: list[Table] = []
    figures: list[Figure] = []
    rankings: dict[str, Any] = {}
    balances: dict[str, Any] = {}
    for part in plan.parts:
        made = PartTables(plan, part, scores, simulated)
        sentences += _sentences(made)
        tables += [table for table in made.all() if table.rows]
        if part.check is None:
            ranked = Rankings(plan, part, find)
            sentences += ranked.sentences()
            tables += ranked.tables(simulated=simulated)
            if values := ranked.plain():
                rankings[part.title] = values
        if part.check is None and plan.balance is not None:
            balanced = BalanceTables(plan, part, find, plan.balance, simulated)
            sentences += balanced.sentences()
            tables += balanced.all()
            balances[part.title] = balanced.plain()
        if part.check is None and (figure := _figure(made)) is not None:
            figures.append(figure)
    records = tuned_records(plan, find)
    tables += [tuning_table(plan, records, simulated=simulated)] if records else []
    tables += _audit(plan, find, simulated=simulated)
    sentences += [
        f"{shown(name)}: {text}" for name, audit in _audits(plan, find).items() for text in audit["sentences"]
    ]
    sentences += _notes(plan, find)
    lost = max((int(result["unreadable"]) for result in results), default=0)
    if lost:
        sentences.append(f"Captures that could not be read: up to {lost} in a cell; facewarden data check names them.")
    return Summary(
        title=plan.title,
        sentences=tuple(sentences),
        tables=tuple(tables),
        figures=tuple(figures),
        simulated=simulated,
        data={
            "parts": [_data(part, scores) for part in plan.parts if part.check != "dev"],
            **({"tuning": records} if records else {}),
            **({"rankings": rankings} if rankings else {}),
            **({"balance": balances} if balances else {}),
        },
    )


def _results(plan: PresentationPlan, find: Find) -> list[Mapping[str, Any]]:
    cells = {(m, p, s) for part in plan.parts for m in part.methods for p in part.protocols for s in part.seeds}
    return [result for cell in sorted(cells) if (result := find(*cell)) is not None]


def _sentences(made: PartTables) -> list[str]:
    part, sentences = made.part, []
    if part.check == "chance":
        for name in part.methods:
            chance = chance_of(part, made.scores, name)
            if chance is not None:
                sentences.append(f"{part.title}, {chance.sentence(made.plan.methods[name].label)}")
        return sentences
    if part.baseline is None:
        return sentences
    base = made.plan.methods[part.baseline].label
    pooled = ", targets pooled" if any(map(has_several, part.protocols)) else ""
    for name in part.methods:
        if name == part.baseline:
            continue
        apart = made.paired_difference(name, "hter", LAST_EPOCH)
        if apart is None:
            continue
        label = made.plan.methods[name].label
        sentences.append(
            f"{part.title}: {label} against {base}, HTER at the frozen threshold "
            f"{percent(apart, proportion=False)} points ({_words(apart, seeds=len(part.seeds))}; "
            f"{counted(len(part.protocols), 'protocol')}{pooled}, {counted(len(part.seeds), 'seed')}, "
            f"{apart.n} captures)."
        )
    return sentences


def _words(apart: Replicated, *, seeds: int) -> str:
    interval = apart.interval(proportion=False)
    alone = " in this one run" if seeds == 1 else ""
    if interval.high < 0:
        return f"fewer errors{alone}"
    return f"more errors{alone}" if interval.low > 0 else f"no difference shown{alone}"


def _figure(made: PartTables) -> Figure | None:
    rows = []
    for name in made.part.methods:
        one = made.scores.mean(name, made.part.protocols, "hter", seeds=made.part.seeds, look=ScoreSelection())
        if one is None:
            continue
        interval = one.interval()
        rows.append({"name": made.plan.methods[name].label, "value": one.value, "low": interval.low,
                     "high": interval.high, "n": one.n})  # fmt: skip
    if not rows:
        return None
    over = "subjects and seeds" if len(made.part.seeds) > 1 else "subjects, of one training run"
    best = min(rows, key=lambda row: float(str(row["value"])))
    lowest = f"{best['name']} at {100 * float(str(best['value'])):.1f} %"
    return Figure(
        "interval_dots",
        f"{made.part.title}: mean HTER at the threshold frozen on the sources' dev, last epoch",
        {"rows": rows, "percent": True, "xlabel": f"HTER, 95 % interval over {over}"},
        alt=f"HTER of {len(rows)} methods with intervals; lowest {lowest}",
        simulated=made.simulated,
    )


def _audits(plan: PresentationPlan, find: Find) -> dict[str, Mapping[str, Any]]:
    audits: dict[str, Mapping[str, Any]] = {}
    for part in plan.parts:
        for protocol in part.protocols:
            results = (find(m, protocol, s) for m in part.methods for s in part.seeds)
            result = next((one for one in results if one is not None), None)
            if result is not None:
                audits.setdefault(protocol, result["audit"])
    return audits


def _notes(plan: PresentationPlan, find: Find) -> list[str]:
    """Notes of the data sets' readers, once each."""
    notes = (note for audit in _audits(plan, find).values() for note in audit.get("notes", ()))
    return [f"Note on the captures: {note}." for note in dict.fromkeys(notes)]


def _audit(plan: PresentationPlan, find: Find, *, simulated: bool) -> list[Table]:
    """Contents of every split, by protocol and domain; species are in the JSON."""
    rows: list[tuple[str | int | None, ...]] = []
    for protocol, audit in _audits(plan, find).items():
        for split, domain, people in audit["subjects"]:
            counts = {"bona fide": 0, "attack": 0}
            species = set()
            for its_split, its_domain, kind, count in audit["rows"]:
                if (its_split, its_domain) == (split, domain):
                    counts["bona fide" if kind == "bona_fide" else "attack"] += count
                    species |= {kind} - {"bona_fide"}
            rows.append((shown(protocol), split, domain, counts["bona fide"], counts["attack"], len(species), people))
    columns = ("protocol", "split", "domain", "bona fide", "attack", "species", "subjects")
    return [Table("Audit of the splits", columns, tuple(rows), simulated=simulated)] if rows else []


def _data(part: TablePart, scores: ScoresOverSeeds) -> dict[str, Any]:
    """Every figure by method, protocol and seed, for further computation.

    `peeks` says that the target chose the epoch, so that all figures of the row know it; `peeking` names those that do.
    """
    figures = []
    for method in part.methods:
        for protocol in part.protocols:
            for seed in part.seeds:
                result = scores.find(method, protocol, seed)
                if result is None:
                    continue
                for rule, chosen in result["scores"].items():
                    measured = scores.measures(method, protocol, seed, ScoreSelection(rule))
                    values = {name: one.value for name, one in (measured or {}).items()}
                    peeking = [name for name in values if peeks(name, ScoreSelection(rule))]
                    figures.append({"method": method, "protocol": protocol, "seed": seed, "rule": rule,
                                    "epoch": chosen["epoch"], **values, "peeks": len(peeking) == len(values),
                                    "peeking": peeking})  # fmt: skip
    return {"title": part.title, "figures": figures}
