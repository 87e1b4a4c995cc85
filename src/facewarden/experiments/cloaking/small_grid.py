"""`facewarden evaluate cloaking`: a small grid of the cloaking experiment on one set of photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.cloak import read_cloak
from facewarden.core.compute.computing import placement
from facewarden.core.compute.shards import note_input, shard_call, share
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import PurifierLike, RecognizerLike, resolve_purifier, resolve_recognizer
from facewarden.core.roles import Purifier, Recognizer
from facewarden.data.alike_names import alike_words
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning
from facewarden.experiments.cloaking.grid_file import grid_file, told_model, write_grid
from facewarden.experiments.cloaking.measure import TRAINED, CloakingResult, can_train, measure
from facewarden.experiments.cloaking.population import Population, load_crowd
from facewarden.experiments.cloaking.recognizer_build import build_recognizer
from facewarden.metrics.intervals import Interval
from facewarden.recognizers.parts.ensembles import CLOAK_SURROGATES, EVALUATION_RECOGNIZERS
from facewarden.reporting.document import Metric

CLOAKED_PEOPLE = "people who cloak"
"""What is shared out of this experiment."""


@dataclass(frozen=True)
class SmallGrid:
    """What was measured.

    Attributes:
        metrics: of every cell; empty in a call with a shard.
        files: what was written.
        simulated: whether the faces were rendered.
        skipped: reason -> how many photos, people or recognizers took no part.
        warnings: what a reader must know before any figure.
    """

    metrics: tuple[Metric, ...]
    files: tuple[Path, ...]
    simulated: bool
    skipped: dict[str, int]
    warnings: tuple[str, ...]


def evaluate_cloaking(
    *,
    dataset: str,
    cloak: Sequence[str] = ("lowkey:8",),
    surrogate: Sequence[str] = CLOAK_SURROGATES,
    purifier: Sequence[str] = ("identity", "jpeg"),
    tracker: Sequence[str] = ("nearest",),
    recognizer: Sequence[str] = EVALUATION_RECOGNIZERS,
    users: int = 40,
    skip_people: int = 0,
    photos: int = 10,
    distractors: int = 300,
    aligner: str = "yunet",
    recognizers: Mapping[str, RecognizerLike] | None = None,
    purifiers: Mapping[str, PurifierLike] | None = None,
    seeds: Sequence[int] = (0,),
    run: Path = Path("runs/cloaking"),
    workers: int = 1,
    batch: int = 32,
    command: str = "",
    out: Path | None = None,
) -> SmallGrid:
    """Measure every combination of cloaks, purifiers, trackers and evaluation recognizers.

    Args:
        dataset: photos of people, a set of facewarden list datasets or a folder.
        cloak: ATTACK:LEVEL, with low, mid, high or gray levels: lowkey:8, fawkes:high.
        surrogate: recognizers that every cloak is made on together.
        purifier: what the tracker does to its gallery; "identity" is nothing.
        tracker: nearest, linear, end_to_end or whole_network.
        recognizer: recognizers that the tracker uses.
        users: how many people cloak, one at a time.
        skip_people: people excluded from the start of the order; 16 on LFW, on whom puface's recipe was selected.
        photos: at most so many of each person.
        distractors: people of one photo who are never searched for, where the set has any.
        aligner: how faces are found.
        recognizers, purifiers: label -> model, for those of the labels above that stand for an object of the caller.
        seeds: of the 70/30 splits.
        run: folder that keeps cloaks and embeddings for the next time.
        workers: processes that read photos and find faces, all cores when 0; no figure depends on it.
        batch: faces that go through a recognizer together.
        command: what to type to get the same figures, for the file.
        out: folder for cloaking.json; the file is replaced by one of the same settings alone.

    In a call with a shard of the `CLOAKED_PEOPLE` these are cloaked and embedded into `run`, and nothing is measured.

    Raises:
        BadInputError: what is asked for cannot be done, or the folder holds results of other settings.
    """
    if not (cloak and purifier and tracker and recognizer and seeds):
        raise BadInputError("nothing to measure", hint="--cloak lowkey:8 --purifier identity jpeg --tracker nearest")
    if users < 1 or photos < 2 or min(skip_people, distractors) < 0:
        raise BadInputError(
            f"{users} users, {skip_people} excluded, {photos} photos, {distractors} distractors",
            hint="--users 40 --skip-people 0 --photos 10 --distractors 300",
        )
    recipes = [parse_cloak(text, surrogates=surrogate) for text in cloak]
    if len({recipe.name for recipe in recipes}) < len(recipes):  # rows are told apart by these names
        raise BadInputError(f"two of the cloaks {' '.join(cloak)} are called the same", hint="one call for each")
    store = Store(run)
    crowd = load_crowd(
        dataset, people=10**6, photos=photos, distractors=distractors, store=store, aligner=aligner, workers=workers
    )

    def recognizer_of(label: str) -> Recognizer:
        given = (recognizers or {}).get(label, label)
        return build_recognizer(given, store=store) if isinstance(given, str) else resolve_recognizer(given)

    def purifier_of(label: str) -> Purifier:
        return resolve_purifier((purifiers or {}).get(label, label))

    lab = ExperimentCache(crowd, run, recognizer=recognizer_of, purifier=purifier_of, batch=batch)
    skipped = dict(crowd.faces.skipped) | untrainable(lab, tracker, recognizer)
    simulated = crowd.faces.simulated
    if shard_call(CLOAKED_PEOPLE) is not None:
        note_input("faces", crowd.key)
        people = share(crowd.attackers(users, skip_people=skip_people), str, of=CLOAKED_PEOPLE, group=str)
        splits = [crowd.split(seed) for seed in seeds]
        for recipe in recipes:
            lab.cloak_ahead(recipe, people, purifiers=purifier, recognizers=recognizer, splits=splits)
        return SmallGrid((), (), simulated, skipped, ())
    settings = {
        "faces": crowd.key, "aligner": aligner, "photos": photos, "distractors": distractors, "users": users,
        "skip_people": skip_people, "seeds": list(seeds), "cloaks": list(cloak), "trackers": list(tracker),
        "surrogates": [told_model(lab.recognizer(name).card) for name in surrogate],
        "recognizers": [told_model(lab.recognizer(name).card) for name in recognizer],
        "purifiers": [told_model(lab.purifier(name).card) for name in purifier],
        "precision": placement().resolved()["precision"],
    }  # fmt: skip
    path = None if out is None else grid_file(out, settings)
    alike = alike_words(crowd.people, what="People")
    warnings = (
        *([alike] if alike else []),
        *small_galleries(crowd, tracker, attackers=len(crowd.attackers(users, skip_people=skip_people))),
    )
    cells: list[CloakingResult] = []
    for recipe in recipes:
        for treatment in purifier:
            for name in tracker:
                cells += measure(
                    lab,
                    recipe,
                    purifier=treatment,
                    tracker=name,
                    recognizers=recognizer,
                    attackers=users,
                    skip_people=skip_people,
                    seeds=seeds,
                )
    files = () if path is None else (
        write_grid(path, cells, source=crowd.faces.source, simulated=simulated, settings=settings, skipped=skipped,
                   warnings=warnings, command=command),
    )  # fmt: skip
    return SmallGrid(cell_metrics(cells, simulated=simulated), files, simulated, skipped, warnings)


def small_galleries(crowd: Population, trackers: Sequence[str], *, attackers: int) -> tuple[str, ...]:
    """What must be said of trackers whose gallery holds a part of the people: theirs is the easier search.

    Args:
        crowd: everybody.
        trackers: which trackers.
        attackers: how many people cloak.
    """
    enrolled, people = FineTuning().enrolled(attackers), len(crowd.people)
    strangers = len(crowd.split(0).distractors)
    if enrolled >= people and not strangers:
        return ()
    others = f" and none of {strangers} distractors" if strangers else ""
    words = f"the gallery holds {min(enrolled, people)} of {people} people{others}"
    return tuple(f"{tracker}: {words}" for tracker in trackers if tracker in TRAINED)


def untrainable(lab: ExperimentCache, trackers: Sequence[str], recognizers: Sequence[str]) -> dict[str, int]:
    """Reasons why some trackers cannot use some recognizers.

    Raises:
        BadInputError: a tracker can use none of them.
    """
    reasons: dict[str, int] = {}
    for tracker in trackers:
        if tracker not in TRAINED:
            continue
        without = [name for name in recognizers if not can_train(lab.recognizer(name), tracker)]
        if len(without) == len(recognizers):
            raise BadInputError(
                f"no recognizer of {', '.join(without)} has a network that the tracker {tracker} can train",
                hint=f"--tracker nearest, or --recognizer {EVALUATION_RECOGNIZERS[0]}",
            )
        words = f"has no network that {tracker} can train: not measured with it"
        reasons |= {f"recognizer {name} {words}": 1 for name in without}
    return reasons


def parse_cloak(text: str, *, surrogates: Sequence[str]) -> CloakRecipe:
    """Read a cloak written as ATTACK:LEVEL, or ATTACK:LEVEL{"setting": value}.

    Raises:
        BadInputError: not of this form.
    """
    recipe = read_cloak(CloakRecipe, text, surrogates=tuple(surrogates))
    recipe.eps  # noqa: B018 - refuses an unknown attack or level before anything is computed
    return recipe


def cell_metrics(cells: Sequence[CloakingResult], *, simulated: bool) -> tuple[Metric, ...]:
    """Cells as metrics; the group names cloak, surrogates, purifier, tracker, recognizer and its role."""
    metrics = []
    for cell in cells:
        group = {
            "cloak": cell.cloak, "surrogates": "+".join(cell.surrogates), "purifier": cell.purifier,
            "loss_networks": "+".join(cell.loss_networks) or "none", "tracker": cell.tracker,
            "recognizer": cell.recognizer, "recognizer_is": cell.kind, "probes": cell.probes,
        }  # fmt: skip
        figures: dict[str, Interval] = {
            "protection_rate": cell.protection, "natural_error": cell.natural_error,
            "normal_accuracy": cell.normal_accuracy,
        }  # fmt: skip
        for name, value in figures.items():
            note = f"{cell.attackers} attackers, seeds {', '.join(map(str, cell.seeds))}; {value.method}"
            metrics.append(Metric(name, value.value, value.low, value.high, value.n, simulated, "%", group, note))
    return tuple(metrics)
