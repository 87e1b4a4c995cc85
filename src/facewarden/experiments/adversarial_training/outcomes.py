"""Outcomes of single samples of an `adversarial_training` plan, by method and attack, for paired rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import numpy as np

from facewarden.evaluation.attack_runs import nested_success
from facewarden.experiments.engine.kind import CellResult
from facewarden.experiments.vulnerability.results_grid import nested_victim
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.metrics.paired import paired_bootstrap_difference

Sample = tuple[int, str]
"""Seed and key."""
UNION = ("pgd", "auto_binary")
"""Attacks of which an adversary who has both takes the one that works."""


@dataclass(eq=False)
class Outcomes:
    """Outcomes of single samples of one method under one attack, over all seeds.

    Attributes:
        held: (seed, key) -> whether the decision is right when clean and under attack.
        right: (seed, key) -> whether it is right when clean; has the same samples.
        subject: (seed, key) -> who it is.
        label: (seed, key) -> 1 for bona fide, 0 for an attack presentation.
    """

    held: dict[Sample, bool] = field(default_factory=dict)
    right: dict[Sample, bool] = field(default_factory=dict)
    subject: dict[Sample, str] = field(default_factory=dict)
    label: dict[Sample, int] = field(default_factory=dict)

    def add(
        self,
        seed: int,
        keys: Sequence[str],
        *,
        hit: Mapping[str, int],
        subject: Mapping[str, str],
        label: Mapping[str, int],
    ) -> None:
        """Add the outcomes of one seed.

        Args:
            seed: of the training.
            keys: of all samples, decided correctly or not.
            hit: key -> whether the attack succeeds, of those that are decided correctly when clean.
            subject: key -> who it is.
            label: key -> its class.
        """
        for key in keys:
            sample = (seed, key)
            self.right[sample] = key in hit
            self.held[sample] = key in hit and not hit[key]
            self.subject[sample], self.label[sample] = subject[key], label[key]

    def either(self, other: Outcomes) -> Outcomes:
        """Outcomes of the same method where an adversary tries this attack and another one, of shared samples."""
        both = [sample for sample in self.held if sample in other.held]
        return Outcomes(
            held={s: self.held[s] and other.held[s] for s in both},
            right={s: self.right[s] and other.right[s] for s in both},
            subject={s: self.subject[s] for s in both},
            label={s: self.label[s] for s in both},
        )

    def success(self, *, label: int | None = None) -> Interval | None:
        """Share of flipped decisions among those that are right when clean, by subject.

        Args:
            label: of the samples that count: 0, attacks that are taken for bona fide; 1, bona fide ones that are taken
                for attacks; by default both.
        """
        counted = [s for s, right in self.right.items() if right and label in (None, self.label[s])]
        return self._mean([(s, not self.held[s]) for s in counted])

    def robust(self) -> Interval | None:
        """Share of all samples that are decided correctly when clean and under attack, by subject."""
        return self._mean(list(self.held.items()))

    def seeds(self) -> list[float]:
        """Robust accuracy of each seed."""
        by_seed: dict[int, list[bool]] = {}
        for (seed, _), robust in self.held.items():
            by_seed.setdefault(seed, []).append(robust)
        return [float(np.mean(values)) for values in by_seed.values()]

    def against(self, other: Outcomes, *, what: Literal["robust", "success"]) -> Interval | None:
        """This method's rate less the other's over the same seeds and samples, with an interval by subject.

        Args:
            other: of the reference, under the same attack.
            what: "robust" over all samples; "success" over those that both decide correctly when clean.
        """
        both = [s for s in self.held if s in other.held]
        if what == "success":
            both = [s for s in both if self.right[s] and other.right[s]]
        if not both:
            return None
        sign = 1.0 if what == "robust" else -1.0
        first, second = (sign * np.array([o.held[s] for s in both], float) for o in (self, other))
        return paired_bootstrap_difference(first, second, subjects=np.array([self.subject[s] for s in both]), seed=0)

    def _mean(self, values: Sequence[tuple[Sample, bool]]) -> Interval | None:
        if not values:
            return None
        subjects = np.array([self.subject[sample] for sample, _ in values])
        return mean_by_subject(np.array([value for _, value in values], float), subjects, seed=0)


def read_outcomes(
    results: Sequence[CellResult], method_of: Mapping[str, str], clean: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], Outcomes]:
    """(method, "attack through head at eps [with SFA]") -> outcomes; what fell within a budget falls in larger ones."""
    outcomes: dict[tuple[str, str], Outcomes] = {}
    for result in results:
        settings, value = result.cell.settings, result.value
        if settings["do"] == "attack":
            model = str(settings["model"])
            for name, hits in nested_success(value["success"]).items():
                eps, _, reading = name.partition("|")
                through = "" if settings["head"] == "live" else f" through {settings['head']}"
                column = f"{settings['attack']}{through} {eps}/255" + (" with SFA" if reading == "sfa" else "")
                outcomes.setdefault((method_of[model], column), Outcomes()).add(
                    int(settings["seed"]),
                    value["asked"],
                    hit=dict(zip(value["key"], hits, strict=True)),
                    **_known(clean[model]),
                )
        if settings["do"] == "transfer":
            for victim, rates in ((name, nested_victim(outcomes)) for name, outcomes in value["victims"].items()):
                for eps in value["eps"]:
                    rows = zip(value["key"], rates["right"], rates[f"{eps:g}"], strict=True)
                    outcomes.setdefault((method_of[victim], f"transfer {eps:g}/255"), Outcomes()).add(
                        int(settings["seed"]),
                        value["key"],
                        hit={key: wrong for key, right, wrong in rows if right},
                        **_known(clean[victim]),
                    )
    return outcomes


def unions(outcomes: Mapping[tuple[str, str], Outcomes]) -> dict[tuple[str, str], Outcomes]:
    """(method, "attack or other attack at eps") -> outcomes, at the budgets that a method has of both of `UNION`."""
    first, second = UNION
    found = {}
    for (method, column), here in outcomes.items():
        rest = column.removeprefix(f"{first} ")
        other = outcomes.get((method, f"{second} {rest}"))
        if rest != column and other is not None:
            found[method, f"{first} or {second} {rest}"] = here.either(other)
    return found


class _Known(TypedDict):
    subject: dict[str, str]
    label: dict[str, int]


def _known(clean: Mapping[str, Any]) -> _Known:
    samples = clean["samples"]
    return {"subject": {s["key"]: s["subject"] for s in samples}, "label": {s["key"]: s["label"] for s in samples}}
