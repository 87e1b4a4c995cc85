"""The cloaking experiment: one person cloaks among natural ones; does the tracker still find them?

The gallery is what the tracker scraped: one person's cloaked photos, everybody else's natural ones and distractors,
all of them through the purifier. Probes are clean and not purified (`probes="raw"`), or purified as well
(`probes="purified"`). Each attacker in turn is the only one who cloaks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning, Halves, Whole, end_to_end
from facewarden.experiments.cloaking.population import Split
from facewarden.experiments.cloaking.recognizer_kinds import RecognizerKind, loss_networks, recognizer_kind
from facewarden.experiments.cloaking.trackers import Gallery, Tracker, UserOutcome, linear, nearest
from facewarden.metrics.intervals import Interval, mean_by_subject

Made = TypeVar("Made")
Probes = Literal["raw", "purified"]
_TUNING = FineTuning()
TRACKERS: Mapping[str, Tracker] = MappingProxyType({"nearest": nearest, "linear": linear})
END_TO_END = "end_to_end"
WHOLE_NETWORK = "whole_network"
TRAINED = (END_TO_END, WHOLE_NETWORK)
"""Trackers that train the recognizer's network: its upper half, or all of it."""
Outcomes = dict[str, list[Mapping[str, UserOutcome]]]


@dataclass(frozen=True)
class CloakingResult:
    """One cell of the grid, with all facts that a reader needs.

    Attributes:
        cloak, surrogates: how it was cloaked and on what; "none" and empty where nobody cloaks.
        purifier, loss_networks: what the gallery went through, and the networks in its training loss.
        tracker, recognizer, kind: who searches, on whose embeddings, and what that network is to the cloak.
        probes: "raw" or "purified".
        seeds: of the splits.
        protection: 1 - accuracy on the attackers' clean probes; interval over attackers.
        natural_error: the same while they do not cloak.
        excess: the difference of the two.
        normal_accuracy: on everybody else's probes while one cloaks; interval over those people.
        attackers: how many people cloaked in turn.
        hidden, missed: per attacker, mean over seeds, of protection and natural error; for paired comparisons.
    """

    cloak: str
    surrogates: tuple[str, ...]
    purifier: str
    loss_networks: tuple[str, ...]
    tracker: str
    recognizer: str
    kind: RecognizerKind
    probes: Probes
    seeds: tuple[int, ...]
    protection: Interval
    natural_error: Interval
    excess: float
    normal_accuracy: Interval
    attackers: int
    hidden: tuple[float, ...]
    missed: tuple[float, ...]

    @property
    def probes_each(self) -> int:
        """How many probes of an attacker the figures rest on, over all seeds; of people with unequal numbers the mean.

        Intervals from `hidden` and `missed` need it: a person's mean over nine probes says more than one probe.
        """
        return max(1, self.protection.n // max(1, self.attackers))

    def as_json(self) -> dict[str, Any]:
        """The cell as JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CloakingResult:
        """Read a result from the JSON values of `as_json`; those of version 0.1 say `judge`."""
        lists = ("surrogates", "loss_networks", "seeds", "hidden", "missed")
        figures = ("protection", "natural_error", "normal_accuracy")
        values = {"recognizer" if name == "judge" else name: value for name, value in values.items()}
        made = values | {name: tuple(values[name]) for name in lists}
        return cls(**(made | {name: Interval(**values[name]) for name in figures}))


def measure(
    lab: ExperimentCache,
    cloak: CloakRecipe,
    *,
    purifier: str,
    tracker: str,
    recognizers: Sequence[str],
    attackers: int,
    skip_people: int = 0,
    seeds: Sequence[int] = (0,),
    probes: Probes = "raw",
    tuning: FineTuning = _TUNING,
    gallery_only: bool = False,
) -> list[CloakingResult]:
    """Measure one cloak, purifier and tracker on every evaluation recognizer.

    Args:
        lab: the crowd and what is known of it.
        cloak: how one person at a time cloaks.
        purifier: what the tracker does to its gallery.
        tracker: one of `TRACKERS` or `TRAINED`.
        recognizers: recognizers that the tracker uses, one cell each.
        attackers: how many people cloak in turn.
        seeds: of the 70/30 splits; outcomes of all are pooled by person.
        probes: "raw" or "purified".
        tuning: of the trained trackers; recognizers without a network to train, or to cut in two, are left out with
            them.
        gallery_only: cloak the photos of the first split's gallery only, which saves time where no other split follows.

    Raises:
        BadInputError: an unknown tracker.
    """
    people = lab.crowd.attackers(attackers, skip_people=skip_people)
    if tracker in TRACKERS:
        split = lab.crowd.split(seeds[0])
        whose = {who: split.gallery[who] for who in people} if gallery_only and len(seeds) == 1 else people
        outcomes = _by_embedding(lab, cloak, whose, purifier, tracker, recognizers, seeds, probes)
    elif tracker in TRAINED:
        whole = tracker == WHOLE_NETWORK
        outcomes = _by_training(lab, cloak, people, purifier, recognizers, seeds, probes, tuning, whole=whole)
    else:
        raise BadInputError(f"no tracker {tracker!r}", hint=f"one of {', '.join([*TRACKERS, *TRAINED])}")
    cells = []
    models = [lab.recognizer(name) for name in cloak.surrogates]
    for recognizer, by_seed in outcomes.items():
        hidden, missed, others, owner, everyone = collected(by_seed, people)
        protection = mean_by_subject(hidden, owner, seed=0)
        natural = mean_by_subject(missed, owner, seed=0)
        cells.append(
            CloakingResult(
                cloak=cloak.name,
                surrogates=cloak.surrogates,
                purifier=purifier,
                loss_networks=loss_networks(lab.purifier(purifier)),
                tracker=tracker,
                recognizer=lab.recognizer(recognizer).card.name,
                kind=recognizer_kind(lab.recognizer(recognizer), models),
                probes=probes,
                seeds=tuple(seeds),
                protection=protection,
                natural_error=natural,
                excess=protection.value - natural.value,
                normal_accuracy=mean_by_subject(others, everyone, seed=0),
                attackers=len(people),
                hidden=tuple(float(hidden[owner == i].mean()) for i in range(len(people))),
                missed=tuple(float(missed[owner == i].mean()) for i in range(len(people))),
            )
        )
    return cells


def can_train(recognizer: Recognizer, tracker: str) -> bool:
    """Whether a recognizer has the network that a tracker of `TRAINED` trains: an upper half, or any at all."""
    return recognizer.halves() is not None if tracker == END_TO_END else any(True for _ in recognizer.parameters())


def _by_training(
    lab: ExperimentCache,
    cloak: CloakRecipe,
    people: Sequence[str],
    purifier: str,
    recognizers: Sequence[str],
    seeds: Sequence[int],
    probes: Probes,
    tuning: FineTuning,
    *,
    whole: bool,
) -> Outcomes:
    outcomes: Outcomes = {}
    for recognizer in recognizers:
        model = lab.recognizer(recognizer)
        if not can_train(model, WHOLE_NETWORK if whole else END_TO_END):
            continue
        read: Callable[..., NDArray[Any]] = lab.treated if whole else partial(lab.halves, recognizer)
        natural = read(purifier=purifier)
        splits = [lab.crowd.split(seed) for seed in seeds]
        cloaked = of_splits(cloak, splits, partial(read, purifier=purifier, cloak=cloak, people=people))
        probe_inputs = read() if probes == "raw" else natural
        above = partial(Whole if whole else _above, model)
        outcomes[recognizer] = [
            end_to_end(
                Halves(split, natural, made, probe_inputs),
                people,
                above=above,
                how=tuning,
                seed=seed,
            )
            for seed, split, made in zip(seeds, splits, cloaked, strict=True)
        ]
    return outcomes


def _above(recognizer: Recognizer) -> nn.Module:
    cut = recognizer.halves()
    assert cut is not None
    return cut[1]


def _by_embedding(
    lab: ExperimentCache,
    cloak: CloakRecipe,
    people: Mapping[str, Sequence[int]] | Sequence[str],
    purifier: str,
    tracker: str,
    recognizers: Sequence[str],
    seeds: Sequence[int],
    probes: Probes,
) -> Outcomes:
    raw = lab.vectors(recognizers)
    natural = lab.vectors(recognizers, purifier=purifier)
    probe_vectors = raw if probes == "raw" else natural
    splits = [lab.crowd.split(seed) for seed in seeds]
    cloaked = of_splits(cloak, splits, partial(lab.vectors, recognizers, purifier=purifier, cloak=cloak, people=people))
    return {
        recognizer: [
            TRACKERS[tracker](
                Gallery(split, natural[recognizer], made[recognizer], probe_vectors[recognizer]), list(people)
            )
            for split, made in zip(splits, cloaked, strict=True)
        ]
        for recognizer in recognizers
    }


def of_splits(cloak: CloakRecipe, splits: Sequence[Split], read: Callable[..., Made]) -> list[Made]:
    """What every split reads of cloaked photos; a mask of a person is made of the split's gallery, never of probes.

    Args:
        cloak: how people cloak.
        splits: who is where.
        read: reads what is cloaked; takes `made_of`.
    """
    if not cloak.one_mask:
        return [read()] * len(splits)
    return [read(made_of=split.gallery) for split in splits]


def collected(outcomes: Sequence[Mapping[str, UserOutcome]], people: Sequence[str]) -> tuple[NDArray[Any], ...]:
    """Misses of all seeds as rows with the attacker's number; hits on the others as rows with the person asked for."""
    cells = [(place, outcome[who]) for outcome in outcomes for place, who in enumerate(people)]
    hidden = np.concatenate([~cell.cloaked for _, cell in cells]).astype(np.float64)
    missed = np.concatenate([~cell.natural for _, cell in cells]).astype(np.float64)
    owner = np.concatenate([np.full(len(cell.cloaked), place) for place, cell in cells])
    others = np.concatenate([cell.others for _, cell in cells]).astype(np.float64)
    return hidden, missed, others, owner, np.array([who for _, cell in cells for who in cell.asked])
