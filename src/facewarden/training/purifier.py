"""Train a purifier by a recipe: read pairs, learn, write the folder that `facewarden purify` takes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from facewarden.core import registry
from facewarden.core.artifact import CARD, WEIGHTS, load_artifact, refuse_other_model, save_artifact
from facewarden.core.card import Card
from facewarden.core.compute.computing import Placement
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.limits import LimitError
from facewarden.core.guards.lock import locking
from facewarden.core.identity.code_version import code_of
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.nn.restorer import build_restorer
from facewarden.training.features import build_features
from facewarden.training.pairs import read_pairs
from facewarden.training.parts.ranks import by_the_first, join_ranks, process_device
from facewarden.training.purifier_loop import fit_purifier
from facewarden.training.purifier_recipe import OLD_KEYS, PurifierRecipe
from facewarden.training.recipe_files import recipe_of_today
from facewarden.training.suspicion import fit_suspicion

RESULTS = "results.json"


@locking
def train_purifier(
    plan: PurifierRecipe,
    *,
    out: Path,
    pairs: Path | None,
    seed: int,
    resume: bool,
    start: Path | None = None,
    device: str = "auto",
) -> Path:
    """Train a purifier and write its folder: weights, card, recipe and what was seen on dev.

    Args:
        plan: the recipe.
        out: folder to write; `run` inside it holds log and checkpoints and may be deleted afterwards.
        pairs: folder of pairs, as `facewarden cloak-pairs` writes it.
        seed: decides initial weights and every draw.
        resume: go on with a run that was killed.
        start: folder of a trained purifier of the same network whose weights the training begins with; None draws them.
        device: where to train.

    Returns:
        `out`.

    Raises:
        BadInputError: no pairs, the folder holds another run, or weights to start from of another network.
    """
    if pairs is None:
        raise BadInputError(
            f"{plan.entry} learns from pairs of faces",
            hint="facewarden cloak-pairs lfw:PATH --out DIR, then --pairs DIR",
        )
    held = read_pairs(pairs, kinds=plan.training.kinds, at_most=plan.training.at_most or None)
    written = {**plan.plain(), "seed": seed, "pairs_read": len(held)}
    network = build_restorer(plan.network, seed=derive(seed, "weights"))
    before = _begin(network, start, wanted=plan.network) if start is not None else None
    if before is not None:
        written["start"] = before.sha256[WEIGHTS]
    computed = Placement(process_device(device) or device).resolved(plan.training.precision)
    run: RunFolder | None = None

    def begin() -> bool:
        """Claim the folder; whether anything is left to do."""
        nonlocal run
        refuse_other_model(out)
        run = RunFolder(
            out / "run", recipe=written, code=code_of("train_purifier"), resume=resume, computed=computed,
            today=partial(recipe_of_today, old_keys=OLD_KEYS), inputs={"pairs": held.content()},
        )  # fmt: skip
        return not (run.done and (out / CARD).is_file())

    join_ranks(device)
    if not by_the_first(begin):
        return out
    learned, dev = held.split()
    settings = plan.training
    features = build_features(settings.features) if settings.feature > 0 else []
    started = time.perf_counter()
    log = fit_purifier(
        network,
        learned,
        dev=dev,
        features=features,
        settings=settings,
        seed=seed,
        run=out / "run",
        device=device,
    )
    if run is None:
        return out  # the first process writes
    counts: dict[str, Any] = {
        "pairs": len(learned),
        "people": len(set(learned.person)),
        "dev_pairs": len(dev),
        "seconds_of_training": round(time.perf_counter() - started, 1),
    }
    card = Card(
        name=plan.entry,
        summary=plan.summary,
        role="purifier",
        licence=plan.licence,
        source=f"facewarden train, recipe of {plan.entry}, seed {seed}"
        + (f", from weights that were trained before: {before.source}" if before is not None else ""),
        training_data=_data(plan, counts, source=_source(pairs), before=before),
        intended_use=plan.intended_use,
        limits=plan.limits,
        settings={
            "network": dict(plan.network),
            # a network that was in the loss once measures nothing that came of it
            "features": sorted({*(settings.features if features else ()), *_features_of(before)}),
            "suspicion": fit_suspicion(network, learned),
        },
    )
    save_artifact(out, network.state_dict(), card=card, recipe=written)
    write_json(out / RESULTS, {"training": counts, "last": log[-1] if log else {}})
    run.finish(counts)
    return out


def _begin(network: nn.Module, start: Path, *, wanted: Mapping[str, Any]) -> Card:
    """Load the weights of a folder and return their card."""
    artifact = load_artifact(start)
    held = artifact.card.settings.get("network", {})
    if json.dumps(held, sort_keys=True) != json.dumps(dict(wanted), sort_keys=True):
        raise BadInputError(
            f"{start}: weights of another network than the recipe's: {held}",
            hint="start from a purifier of the same network",
        )
    network.load_state_dict({name: value.float() for name, value in artifact.weights.items()})
    return artifact.card


def _features_of(card: Card | None) -> tuple[str, ...]:
    return tuple(card.settings.get("features", ())) if card is not None else ()


def _source(pairs: Path) -> str:
    """What the photos are called, as far as the pairs say it."""
    try:
        name = str(read_json_bounded(pairs / "pairs.json")["faces"])
        return str(registry.load("datasets", name).summary).partition(":")[0]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, LimitError, UnknownEntryError):
        return "a set that the pairs do not name"


def _data(plan: PurifierRecipe, counts: dict[str, Any], *, source: str, before: Card | None) -> str:
    now = _data_of_this(plan, counts, source=source)
    return now if before is None or before.training_data == now else f"{now}; before that: {before.training_data}"


def _data_of_this(plan: PurifierRecipe, counts: dict[str, Any], *, source: str) -> str:
    faces = f"{counts['pairs']} photos of {counts['people']} people ({source})"
    if plan.training.noise > 0:
        return f"{faces}, with Gaussian noise up to {plan.training.noise:g} gray levels instead of cloaks"
    taken = [kind for kind in plan.pairs if not plan.training.kinds or kind.name in plan.training.kinds]
    names = sorted({name for kind in taken for name in kind.surrogates})
    return f"{faces}, cloaked by {', '.join(sorted({k.attack for k in taken}))} on {', '.join(names)}"
