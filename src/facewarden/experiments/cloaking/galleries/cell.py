"""One cell of a table of galleries: a cloak and a purifier in one scene, as every recognizer sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.galleries.four_cells import four_cells
from facewarden.experiments.cloaking.galleries.growing import growing
from facewarden.experiments.cloaking.galleries.identification import Embedded, Misses
from facewarden.experiments.cloaking.galleries.mixed import mixed
from facewarden.experiments.cloaking.measure import of_splits
from facewarden.experiments.cloaking.recognizer_kinds import RecognizerKind, recognizer_kind
from facewarden.metrics.intervals import Interval


@dataclass(frozen=True)
class GalleryRow:
    """One case of a scene, as one recognizer sees it.

    Attributes:
        cloak, purifier: by their names.
        recognizer, kind: who searches, and what that network is to the cloak.
        case: which case, in words.
        misses: "rank1", "rank5" and "fnir", as far as they are known -> share of searches that miss.
        people, seeds: who cloaked, and the splits.
    """

    cloak: str
    purifier: str
    recognizer: str
    kind: RecognizerKind
    case: str
    misses: Mapping[str, Interval]
    people: int
    seeds: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**asdict(self), "seeds": list(self.seeds)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GalleryRow:
        """Read a row from the JSON values of `as_json`."""
        misses = {name: Interval(**value) for name, value in values["misses"].items()}
        return cls(**{**values, "misses": misses, "seeds": tuple(values["seeds"])})


def gallery_rows(
    lab: ExperimentCache,
    cloak: CloakRecipe,
    *,
    purifier: str,
    scene: Mapping[str, Any],
    recognizers: Sequence[str],
    users: int,
    skip_people: int,
    seeds: Sequence[int],
) -> list[GalleryRow]:
    """Measure one scene.

    Args:
        lab: the population and what is known of it.
        cloak: how people cloak.
        purifier: what the tracker does to its gallery.
        scene: of `GallerySettings.of_scene`.
        recognizers: one view of every case for each.
        users, skip_people: who cloaks.
        seeds: of the splits; searches of all are pooled by person.
    """
    people = lab.crowd.attackers(users, skip_people=skip_people)
    models = [lab.recognizer(name) for name in cloak.surrogates]
    natural, probes = lab.vectors(recognizers, purifier=purifier), lab.vectors(recognizers)
    splits = [lab.crowd.split(seed) for seed in seeds]
    read = partial(lab.vectors, recognizers, cloak=cloak, people=people)
    cloaked = of_splits(cloak, splits, partial(read, purifier=purifier))
    cloaked_probes = of_splits(cloak, splits, read)
    rows = []
    for name in recognizers:
        pooled: dict[str, Misses] = {}
        for seed, split, made, asked in zip(seeds, splits, cloaked, cloaked_probes, strict=True):
            embedded = Embedded(split, natural[name], made[name], probes[name], asked[name], scene["fpir"])
            for case, found in _cases(embedded, people, scene, seed):
                pooled[case] = pooled[case] + found if case in pooled else found
        card = lab.recognizer(name).card
        kind = recognizer_kind(lab.recognizer(name), models)
        rows += [
            GalleryRow(
                cloak.name, purifier, card.name, kind, case, found.intervals(), len(people), tuple(seeds)
            )
            for case, found in pooled.items()
        ]  # fmt: skip
    return rows


def _cases(embedded: Embedded, people: Sequence[str], scene: Mapping[str, Any], seed: int) -> list[tuple[str, Misses]]:
    if scene["scene"] == "four_cells":
        return list(four_cells(embedded, people).items())
    if scene["scene"] == "growing":
        return list(growing(embedded, people, old=scene["old"]).items())
    cases = []
    for together in scene["together"]:
        for share in scene["shares"]:
            found = mixed(
                embedded, people, share=share, together=together, tracker=scene["tracker"], seed=seed
            )  # fmt: skip
            cases += [
                (f"{100 * share:g} % cloaked, {together} at once: {who}", misses) for who, misses in found.items()
            ]
    return cases
