"""Summary of a sealed part: paired differences on sites that nobody had seen, and whether they are clear of zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from facewarden.data.text import counted
from facewarden.experiments.domain_generalization.domain_figures import DomainFigures, domain_figures
from facewarden.experiments.domain_generalization.figures_over_seeds import Find, ScoreSelection
from facewarden.experiments.domain_generalization.labels import in_percent, shown
from facewarden.experiments.domain_generalization.settings import PresentationPlan, TablePart, plan_of
from facewarden.experiments.domain_generalization.summary import summarize_transfer
from facewarden.experiments.domain_generalization.tuning import HIGHER
from facewarden.experiments.engine.kind import Summary
from facewarden.metrics.crossed import CrossedMean
from facewarden.metrics.holm import holm
from facewarden.reporting.document import Table

WORDS = {"auc": "AUC", "hter": "HTER at the threshold of the sources' dev"}
_LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """Ours against one rival under one protocol.

    Attributes:
        protocol, rival: of the plan.
        figure: mean of the paired differences of the figure that decides, over sites and seeds.
        others: the same of the other figures, by name.
        adjusted: p value after Holm's correction; None where no correction was asked for.
    """

    protocol: str
    rival: str
    figure: CrossedMean
    others: Mapping[str, CrossedMean]
    adjusted: float | None = None

    def verdict(self, figure: str) -> str:
        """Clear of zero for ours, for the rival, or not."""
        interval = self.figure.interval()
        value = self.figure.value if HIGHER[figure] else -self.figure.value
        clear = interval.low > 0 or interval.high < 0
        clear = clear if self.adjusted is None else self.adjusted < _LEVEL
        if not clear:
            return "not clear of zero"
        return "clear of zero, ours is better" if value > 0 else "clear of zero, the rival is better"


def summarize_sealed(settings: Mapping[str, Any], find: Find) -> Summary:
    """Tables of every protocol, and the comparisons that were fixed before the sites were known.

    Args:
        settings: as `facewarden.experiments.domain_generalization.sealed.freeze.sealed_settings` gives them.
        find: (method, protocol, seed) -> result.
    """
    frozen = settings["frozen"]
    plan, compared = _plan(frozen), frozen["compared"]
    found = comparisons(plan, compared, find)
    base = summarize_transfer(plan, find)
    figure = str(compared["figure"])
    opening = int(settings.get("opening", 1))
    seed = settings["simulate"]["domains"][0][: len("sealed_01234567")]
    head = [_opening(opening, seed=seed, commit=str(settings.get("commit", "")))]
    head += [
        f"{plan.methods[compared['ours']].label} against {plan.methods[one.rival].label}, {shown(one.protocol)}: "
        f"{WORDS[figure]} {in_percent(one.figure.interval())} points, {one.verdict(figure)} "
        f"({counted(one.figure.domains, 'sealed site')}, {counted(one.figure.seeds, 'seed')})"
        for one in found
    ]
    lost = len(plan.parts) * len(compared["rivals"]) - len(found)
    head += [f"{counted(lost, 'comparison')} could not be made: cells failed"] if lost else []
    data = {
        "opening": opening,
        "seed": seed,
        "commit": settings.get("commit"),
        "frozen": {"code": frozen["code"], "commit": frozen["commit"], "plan": frozen["plan"]["sha256"]},
        "weights": {f"{c['method']} / {c['protocol']} / seed {c['seed']}": c["sha256"] for c in frozen["cells"]},
        "compared": compared,
        "comparisons": [_plain(one, figure) for one in found],
    }
    return replace(
        base,
        title=f"Sealed part of: {plan.title}",
        sentences=(*head, *base.sentences),
        tables=(_table(plan, compared, found), *base.tables),
        data={**base.data, **data},
    )


def comparisons(plan: PresentationPlan, compared: Mapping[str, Any], find: Find) -> list[Comparison]:
    """Ours against every rival that was fixed, under every protocol; corrected where the rule says so.

    Args:
        plan: with one part for each protocol.
        compared: as the freeze file has it.
        find: (method, protocol, seed) -> result.
    """
    found = []
    for part in plan.parts:
        figures = {
            name: domain_figures(find, name, part.protocols, seeds=part.seeds, look=ScoreSelection())
            for name in (compared["ours"], *compared["rivals"])
        }
        ours = figures[compared["ours"]]
        for rival in compared["rivals"]:
            theirs = figures[rival]
            apart = _differences(ours, theirs)
            if compared["figure"] in apart:
                others = {name: one for name, one in apart.items() if name != compared["figure"]}
                found.append(Comparison(part.protocols[0], rival, apart[compared["figure"]], others))
    if compared["rule"] != "holm":
        return found
    adjusted = holm({str(place): one.figure.p_value() for place, one in enumerate(found)})
    return [replace(one, adjusted=adjusted[str(place)]) for place, one in enumerate(found)]


def _differences(
    ours: Mapping[str, DomainFigures] | None, theirs: Mapping[str, DomainFigures] | None
) -> dict[str, CrossedMean]:
    found = {}
    for name in WORDS:
        if ours and theirs and name in ours and name in theirs:
            one = ours[name].minus(theirs[name])
            if one is not None:
                found[name] = one
    return found


def _plan(frozen: Mapping[str, Any]) -> PresentationPlan:
    """The frozen plan with a part for each protocol of the sealed part, scored once after the last epoch."""
    plan = plan_of(frozen["plan"]["settings"])
    assert plan.sealed is not None  # nothing else is frozen
    parts = []
    for protocol in plan.sealed.protocols:
        seeds = tuple(sorted({int(cell["seed"]) for cell in frozen["cells"] if cell["protocol"] == protocol}))
        parts.append(
            TablePart(f"Sealed sites, trained on {shown(protocol)}", plan.sealed.methods, (protocol,), seeds,
                      None, None, "")
        )  # fmt: skip
    return replace(plan, parts=tuple(parts), every_epoch=False, degraded=False)


def _opening(number: int, *, seed: str, commit: str) -> str:
    text = f"Sites of {seed}, the first digits of commit {commit[:12]}, which froze code, weights and settings"
    if number == 1:
        return f"{text}: first opening."
    return f"{text}: OPENING {number}. They were seen before, so that this is no blind test."


def _table(plan: PresentationPlan, compared: Mapping[str, Any], found: list[Comparison]) -> Table:
    figure = str(compared["figure"])
    other = next(name for name in WORDS if name != figure)
    rows = []
    for one in found:
        second = in_percent(one.others[other].interval()) if other in one.others else None
        adjusted = None if one.adjusted is None else f"{one.adjusted:.3g}"
        rows.append((shown(one.protocol), plan.methods[one.rival].label, in_percent(one.figure.interval()), second,
                     f"{one.figure.p_value():.3g}", adjusted, one.verdict(figure), one.figure.domains,
                     one.figure.seeds))  # fmt: skip
    rule = (
        "Every rival was fixed beforehand; p values of all comparisons are corrected by Holm's rule"
        if compared["rule"] == "holm"
        else "The rival is the best one on the plan's own targets, with those that are always compared; no correction"
    )
    ours = plan.methods[compared["ours"]].label
    return Table(
        f"{ours} less each rival on the sealed sites, percentage points",
        ("trained on", "rival", WORDS[figure], WORDS[other], "p", "p, Holm", "verdict", "sites", "seeds"), tuple(rows),
        note="Mean [95 % interval for further sites and trainings, crossed random effects; with one seed for further "
        f"sites after this training]. {rule}.",
        simulated=True,
    )  # fmt: skip


def _plain(one: Comparison, figure: str) -> dict[str, Any]:
    def values(mean: CrossedMean) -> dict[str, Any]:
        interval = mean.interval()
        return {"value": mean.value, "low": interval.low, "high": interval.high, "sites": mean.domains,
                "seeds": mean.seeds, "p": mean.p_value()}  # fmt: skip

    return {
        "protocol": one.protocol,
        "rival": one.rival,
        "figure": figure,
        **values(one.figure),
        "holm": one.adjusted,
        "verdict": one.verdict(figure),
        "others": {name: values(mean) for name, mean in one.others.items()},
    }
