"""Metrics over seeds, targets and protocols from the scores of many cells, resampled for paired comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.seeding import derive
from facewarden.experiments.domain_generalization.cell import LAST_EPOCH
from facewarden.metrics.pad import eer_threshold, fit_rule
from facewarden.metrics.refit import eer_threshold_replicates
from facewarden.metrics.summary import NamedInterval, presentation_summary
from facewarden.metrics.transfer import Replicated, mean_over, over_seeds, transfer_measures, video_means

ROUNDS = 400
POOLED = "pooled"
Find = Callable[[str, str, int], Mapping[str, Any] | None]


@dataclass(frozen=True)
class ScoreSelection:
    """Which scores and rules a metric uses.

    Attributes:
        rule: which selects the epoch.
        missing: sensors that the target lacked, as in the cell's result ("depth+infrared"), or none.
        degraded: what was wrong with a sensor at the target ("depth frozen"), or nothing.
        own_threshold: whether the threshold is set on the sources' dev with the same sensors missing or degraded;
            otherwise on the dev with all of them.
        target: one domain of several targets, or all pooled.
        video: average the scores of a video first, on dev as well.
    """

    rule: str = LAST_EPOCH
    missing: str = ""
    degraded: str = ""
    own_threshold: bool = True
    target: str = POOLED
    video: bool = False


@dataclass
class ScoresOverSeeds:
    """Results of a plan's cells, with a cache of computed measures.

    Attributes:
        find: (method, protocol, seed) -> the cell's result, None where it failed.
    """

    find: Find
    _known: dict[tuple[Any, ...], dict[str, Replicated] | None] = field(default_factory=dict)

    def measures(self, method: str, protocol: str, seed: int, look: ScoreSelection) -> dict[str, Replicated] | None:
        """All measures of one cell; None where the cell failed or has no such scores."""
        key = (method, protocol, seed, look)
        if key not in self._known:
            result = self.find(method, protocol, seed)
            self._known[key] = None if result is None else _measured(result, protocol, look)
        return self._known[key]

    def over(
        self, method: str, protocol: str, name: str, *, seeds: Sequence[int], look: ScoreSelection
    ) -> Replicated | None:
        """One measure, mean over the seeds; None where a seed is missing, since unequal seeds would not be paired."""
        by_seed = {seed: self.measures(method, protocol, seed, look) for seed in seeds}
        parts = {seed: one[name] for seed, one in by_seed.items() if one is not None}
        return over_seeds(parts, seed=0) if len(parts) == len(seeds) else None

    def mean(
        self, method: str, protocols: Sequence[str], name: str, *, seeds: Sequence[int], look: ScoreSelection
    ) -> Replicated | None:
        """One measure, mean over protocols; None where one of them is missing."""
        parts = [self.over(method, protocol, name, seeds=seeds, look=look) for protocol in protocols]
        known = [part for part in parts if part is not None]
        return mean_over(known) if known and len(known) == len(parts) else None

    def averaged(
        self, method: str, protocol: str, name: str, *, seeds: Sequence[int], look: ScoreSelection
    ) -> Replicated | None:
        """One measure, mean over the targets of a protocol, each by itself."""
        result = next((r for seed in seeds if (r := self.find(method, protocol, seed)) is not None), None)
        if result is None:
            return None
        targets = sorted(set(result["rows"]["test"]["domain"]))
        looks = [replace(look, target=target) for target in targets]
        parts = [self.over(method, protocol, name, seeds=seeds, look=one) for one in looks]
        known = [part for part in parts if part is not None]
        return mean_over(known) if len(known) == len(parts) else None

    def rates(self, method: str, protocol: str, seed: int) -> dict[str, NamedInterval] | None:
        """APCER by species, BPCER, ACER and all the others at the threshold frozen on dev, last epoch."""
        result = self.find(method, protocol, seed)
        if result is None:
            return None
        rows, scores = result["rows"]["test"], result["scores"][LAST_EPOCH]
        rule = fit_rule(np.array(scores["dev"]), np.array(result["rows"]["dev"]["label"]), policy="eer", split="dev")
        summary = presentation_summary(
            np.array(scores["test"]), np.array(rows["label"]), species=np.array(rows["species"]),
            subjects=np.array(rows["subject"]), rule=rule, seed=0, rounds=200,
        )  # fmt: skip
        return {metric.name: metric for metric in summary}


def _measured(result: Mapping[str, Any], protocol: str, look: ScoreSelection) -> dict[str, Replicated] | None:
    held = selected_scores(result, look)
    if held is None:
        return None
    dev, dev_rows = np.array(held["dev"]), _columns(result["rows"]["dev"])
    test, rows = np.array(held["test"]), _columns(result["rows"]["test"])
    if look.target != POOLED:
        inside = rows["domain"] == look.target
        test, rows = test[inside], {name: column[inside] for name, column in rows.items()}
    if look.video:
        dev, dev_rows = _by_video(dev, dev_rows)
        test, rows = _by_video(test, rows)
    threshold = eer_threshold(dev, dev_rows["label"])
    thresholds = eer_threshold_replicates(
        dev, dev_rows["label"], subjects=dev_rows["subject"], strata=dev_rows["domain"], seed=0, rounds=ROUNDS
    )
    draw = _draw(protocol, look.target, rows["subject"].tolist())
    return transfer_measures(
        test, rows["label"], subjects=rows["subject"], threshold=threshold, seed=draw, rounds=ROUNDS,
        thresholds=thresholds,
    )  # fmt: skip


def _draw(protocol: str, target: str, people: Sequence[str]) -> int:
    """Seed of the resamples of the target's people, the same for every method, seed and rule: draws are paired.

    Protocols that hold out groups of species test the same bona fide captures. Those that test the same people share
    their draws: a mean over such protocols knows no more people than one of them does.
    """
    halves, dash, _ = protocol.partition("-")
    if not dash:
        return derive(0, "subjects", protocol, target)
    return derive(0, "subjects", halves, target, *sorted(set(people)))


def selected_scores(result: Mapping[str, Any], look: ScoreSelection) -> Mapping[str, Sequence[float]] | None:
    """Scores of dev, which sets the threshold, and of test; None where the cell has none of that kind."""
    whole = result["scores"].get(look.rule)
    if whole is None:
        return None
    kind, name = ("degraded", look.degraded) if look.degraded else ("missing", look.missing)
    if not name:
        return {"dev": whole["dev"], "test": whole["test"]}
    test, dev = result.get(kind, {}).get(name), result.get(f"{kind}_dev", {}).get(name)
    if test is None or (look.own_threshold and dev is None):
        return None
    return {"dev": dev if look.own_threshold else whole["dev"], "test": test}


def _columns(rows: Mapping[str, Sequence[Any]]) -> dict[str, NDArray[Any]]:
    return {name: np.array(column) for name, column in rows.items()}


def _by_video(scores: NDArray[np.float64], rows: dict[str, NDArray[Any]]) -> tuple[NDArray[np.float64], dict[str, Any]]:
    means, first = video_means(scores, rows["video"].tolist())
    return means, {name: column[first] for name, column in rows.items()}
