"""Measure cloaks: one person at a time cloaks their gallery photos, and trackers look for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from facewarden.cli.parts.checks import check_device, check_purifiers, check_recognizers, check_sets, check_shard
from facewarden.cli.parts.kinds import Device, Faces, Folder, Model, Name, Precision, Setting, Share
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.settings import settled
from facewarden.recognizers.parts.ensembles import CLOAK_SURROGATES, EVALUATION_RECOGNIZERS

old_flags = {"--judge": "--recognizer", "--passed-over": "--skip-people"}


def cloaking(
    *,
    dataset: tuple[Faces, ...] = (),
    cloak: tuple[Annotated[str, "ATTACK:LEVEL"], ...] = ("lowkey:8",),
    surrogate: tuple[Model, ...] = CLOAK_SURROGATES,
    purifier: tuple[Model, ...] = ("identity", "jpeg"),
    set: tuple[Setting, ...] = (),
    tracker: tuple[Name, ...] = ("nearest",),
    recognizer: tuple[Model, ...] = EVALUATION_RECOGNIZERS,
    users: int = 40,
    skip_people: int = 0,
    splits: int = 1,
    aligner: Name = "yunet",
    run: Folder = Path("runs/cloaking"),
    seed: int = 0,
    shard: Share | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    batch: int = 32,
    out: Folder | None = None,
) -> Outcome:
    """Measure how well cloaks protect people from being found, and what purifiers change.

    Args:
        dataset: photos of people, one set: orl, scrapshots, lfw:FOLDER, or a folder with one folder per person.
        cloak: cloaks, such as lowkey:8 or fawkes:high; settings of the attack may follow in braces.
        surrogate: recognizers that every cloak is made on together.
        purifier: what the tracker does to its gallery; identity does nothing.
        set: settings of the purifier, key=value; where there are several, its name first: jpeg.quality=30. Those of a
            cloak or a recognizer follow its name too: lowkey.steps=20.
        tracker: nearest, linear, end_to_end or whole_network.
        recognizer: recognizers that the tracker uses.
        users: how many people cloak, one at a time.
        skip_people: people of the order excluded before them; on LFW 16, by whom the recipe of puface was chosen.
        splits: how many 70/30 splits, by the seed and those that follow it.
        aligner: how faces are found.
        run: folder that keeps cloaks and embeddings for the next time.
        seed: of the first split.
        shard: I/N, such as 1/8: only this share of the people who cloak, into --run, and nothing is measured; left out,
            all. facewarden merge joins the shares.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.
        workers: processes that read photos and find faces; all cores when 0. No figure depends on it.
        batch: faces that go through a recognizer together.
        out: folder for cloaking.json; one that holds results of other settings is refused.
    """
    check_device(device)
    check_shard(shard)
    given = {"cloak": cloak, "purifier": purifier, "surrogate": surrogate, "recognizer": recognizer}
    parts = settled(set, main="purifier", components=given)
    cloak, purifier, surrogate, recognizer = parts["cloak"], parts["purifier"], parts["surrogate"], parts["recognizer"]
    check_sets(dataset)
    check_recognizers(name for name in (*surrogate, *recognizer) if "{" not in name)  # adapted{...} is no entry
    check_purifiers(purifier)
    from facewarden.cli.parts.evaluated import outcome_of
    from facewarden.verbs.evaluate import evaluate

    return outcome_of(
        evaluate(
            "cloaking",
            dataset=dataset,
            cloak=cloak,
            surrogate=surrogate,
            purifier=purifier,
            tracker=tracker,
            recognizer=recognizer,
            users=users,
            skip_people=skip_people,
            splits=splits,
            aligner=aligner,
            run=run,
            seed=seed,
            shard=shard,
            device=device,
            precision=precision,
            workers=workers,
            batch=batch,
            out=out,
        )
    )


entry = cloaking
