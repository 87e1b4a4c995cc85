"""The work of the cells of a `sfa_senses` plan: generators, attacks through one head, transfer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from facewarden.attacks.parts.steps import ascend
from facewarden.core.attack import CountedObjective
from facewarden.core.batch import FaceBatch
from facewarden.core.gradient_source import GradientSource
from facewarden.core.head_goal import Form, goal_of
from facewarden.core.objective import Images
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.core.settings import read_settings
from facewarden.core.threat import ThreatModel
from facewarden.data.loading import Skipped
from facewarden.evaluation.attack_options import build_attack
from facewarden.evaluation.decisions import decided_correctly, known_decisions
from facewarden.experiments.vulnerability.cells import clean, without_lost
from facewarden.experiments.vulnerability.generators import keep_generators, kept_generators
from facewarden.experiments.vulnerability.inputs import Settings, clean_of, detector_of, manifest_of, views_of
from facewarden.metrics.intervals import mean_by_subject
from facewarden.nn.gradient_sources.sfa_offset import Schedule, SfaOffset
from facewarden.training.detector_inputs import read_views
from facewarden.training.sfa import SfaSettings, fit_pair

_SURE = 6.9  # a score beyond it has a probability above 99.9 %


def clean_cell(settings: Settings, folder: Path) -> dict[str, Any]:
    """What `vulnerability` measures of a clean model, and how saturated its decisions are on the attacked captures."""
    found = clean(settings, folder)
    model = detector_of(settings["spec"], folder)
    views = views_of(settings, folder, model, head="live").right
    if views:  # else it decides nothing correctly, and nothing of it is attacked
        sizes = torch.cat([model(view).score.abs() for view in views])
        subjects = np.array([subject for view in views for subject in view.subject or ()], np.str_)
        sure = mean_by_subject((sizes > _SURE).int().numpy(), subjects, seed=settings["seed"])
        found["saturation"] = {"mean": float(sizes.mean()), "sure": [sure.value, sure.low, sure.high, sure.n]}
    return found


def generators(settings: Settings, folder: Path) -> dict[str, Any]:
    """Train generators on the whole train split until their loss on the dev split is flat."""
    manifest, model = manifest_of(settings, folder), detector_of(settings["spec"], folder)
    wanted = read_settings(SfaSettings, settings["generators"], at=("sfa",))
    skipped: list[Skipped] = []

    def views(split: Literal["train", "dev"]) -> list[FaceBatch]:
        rows = list(manifest.where(split=split))
        return read_views(manifest, model, samples=rows, targets=wanted.heads, skipped=skipped)

    train = views("train")
    pair, log = fit_pair(
        model, train, settings=wanted, seed=settings["seed"], held_out=views("dev"), run=folder / "checkpoints"
    )
    keep_generators(pair, settings, folder, trained=wanted)
    return {"log": log, "samples": sum(map(len, train)), "unreadable": len(skipped)}


def attacks(settings: Settings, folder: Path) -> dict[str, Any]:
    """Success of every arm at every budget through one head, on the captures that the model decides correctly."""
    model, head = detector_of(settings["spec"], folder), settings["head"]
    threshold = clean_of(settings["model"], folder)["threshold"]
    inputs = views_of(settings, folder, model, head=head)
    outcome: dict[str, Any] = {"key": [key for view in inputs.right for key in view.key],
                               "pixels": inputs.pixels, "success": {}, "gradients": {}}  # fmt: skip
    lost: set[str] = set()
    for name, arm in settings["arms"].items():
        reading, count = source_of(arm, folder, model=model), 0
        hits: dict[str, list[int]] = {f"{eps:g}|{name}": [] for eps in arm["eps"]}
        taken: dict[int, int] = {0: 0, 1: 0}
        for view in inputs.right:
            rows = _first(view, taken, arm.get("samples"))
            part = view.select(rows)
            found: dict[str, list[int]] = {}
            if rows:
                found, calls, gone = _attacked(arm, model, part, head=head, threshold=threshold, reading=reading,
                                               seed=settings["seed"])  # fmt: skip
                count = max(count, calls)
                lost |= gone
            for eps, flipped in hits.items():
                values = dict(zip(rows, found.get(eps.partition("|")[0], []), strict=True))
                flipped += [values.get(row, -1) for row in range(len(view))]
        outcome["success"] |= hits
        outcome["gradients"][name] = count
    return without_lost(outcome, lost, where=f"attacks through {head} of {settings['model']}")


def source_of(arm: Mapping[str, Any], folder: Path, *, model: Detector) -> GradientSource | None:
    """Where an arm reads its gradients; None at the image."""
    if arm["read"] == "image":
        return None
    pair = kept_generators(arm["tag"], folder, model=model)
    read = arm["read"]
    offset: Schedule = read if read in ("random", "signs") else "decay"
    return SfaOffset(pair, offset=offset, route="contrast" if read == "contrast" else "own")


def one_step(
    model: Detector, view: FaceBatch, *, head: str, threshold: float, form: Form, reading: GradientSource | None,
    seed: int,
) -> Callable[[float], Images]:  # fmt: skip
    """Read one gradient and return the step of FGSM along it, as a function of its length in the [0, 1] pixel range.

    FGSM takes the same gradient at every budget, so that all budgets share it; the images are those of `fgsm` bit for
    bit.

    Args:
        model, view, head, threshold, form: of the goal.
        reading: where the gradient is read; None at the images.
        seed: of its draws.
    """
    objective = CountedObjective(
        goal_of(model, view, head=head, threshold=threshold, form=form), ThreatModel(), seed, reading=reading
    )
    gradients, _ = objective.gradient(objective.clean, valued=False)

    def stepped(size: float) -> Images:
        threat = ThreatModel(eps=size)
        moved = ascend(view.images, gradients, norm=threat.norm, size=size)
        return {**view.images, "rgb": threat.project(moved["rgb"], view.images["rgb"])}

    return stepped


def _attacked(
    arm: Mapping[str, Any],
    model: Detector,
    view: FaceBatch,
    *,
    head: str,
    threshold: float,
    reading: GradientSource | None,
    seed: int,
) -> tuple[dict[str, list[int]], int, set[str]]:
    """Flips by budget, gradients of a sample, and keys of samples that a model gave no number for."""
    found: dict[str, list[int]] = {}
    lost: set[str] = set()
    if arm.get("method") or arm.get("starts"):
        goal = goal_of(model, view, head=head, threshold=threshold, form=arm["form"])
        calls = 0
        for eps in arm["eps"]:
            method, options, seeds = arm.get("method"), dict(arm.get("set", {})), [seed]
            if not method:  # a step that crosses the budget ends on its border, like that of every other arm
                method, options = "pgd", {"steps": 1, "step_size": 2 * eps / 255}
                seeds = [derive(seed, "start", number) for number in range(arm["starts"])]
            results = [build_attack(method, options)(goal, ThreatModel(eps=eps / 255), seed=one, reading=reading)
                       for one in seeds]  # fmt: skip
            found[f"{eps:g}"] = torch.stack([one.success for one in results]).any(dim=0).int().tolist()
            for one in results:
                lost.update(view.select(one.lost).key)
            calls = max(calls, sum(one.gradient_calls for one in results))
        return found, calls, lost
    step = one_step(model, view, head=head, threshold=threshold, form=arm["form"], reading=reading, seed=seed)
    flips: dict[float, torch.Tensor] = {}
    for eps in arm["eps"]:
        sizes = [eps / 2**power for power in range(arm.get("halvings", 0) + 1)]
        for size in sizes:
            if size not in flips:
                known, right = known_decisions(model, view.with_images(step(size / 255)), threshold=threshold)
                flips[size] = ~right
                lost.update(view.select(~known).key)
        found[f"{eps:g}"] = torch.stack([flips[size] for size in sizes]).any(dim=0).int().tolist()
    return found, 1, lost


def _first(view: FaceBatch, taken: dict[int, int], samples: int | None) -> list[int]:
    """Rows of a view while fewer than so many of their class were taken, which is counted in `taken`."""
    assert view.label is not None
    rows = []
    for row, label in enumerate(view.label.tolist()):
        if samples is None or taken[label] < samples:
            taken[label] += 1
            rows.append(row)
    return rows


def transfer(settings: Settings, folder: Path) -> dict[str, Any]:
    """One step on one model through one head, with and without SFA, as other models decide it."""
    source, head = detector_of(settings["spec"], folder), settings["head"]
    threshold = clean_of(settings["model"], folder)["threshold"]
    views: Sequence[FaceBatch] = views_of(settings, folder, source, head=head).right
    victims = {name: detector_of(spec, folder) for name, spec in settings["victims"].items()}
    bounds = {name: clean_of(name, folder)["threshold"] for name in victims}
    result: dict[str, Any] = {"key": [key for view in views for key in view.key], "victims": {}}
    for name, victim in victims.items():
        right = [int(x) for view in views for x in decided_correctly(victim, view, threshold=bounds[name])]
        result["victims"][name] = {"right": right}
    for name, arm in settings["arms"].items():
        reading = source_of(arm, folder, model=source)
        for view in views:
            step = one_step(source, view, head=head, threshold=threshold, form="loss", reading=reading,
                            seed=settings["seed"])  # fmt: skip
            for eps in settings["eps"]:
                moved = view.with_images(step(eps / 255))
                for victim_name, victim in victims.items():
                    known, right_now = known_decisions(victim, moved, threshold=bounds[victim_name])
                    row = result["victims"][victim_name].setdefault(f"{eps:g}|{name}", [])
                    row += (known & ~right_now).int().tolist()
    return result


WORK: Mapping[str, Callable[[Settings, Path], dict[str, Any]]] = {
    "clean": clean_cell,
    "generators": generators,
    "attack": attacks,
    "transfer": transfer,
}
"""What a cell does -> the function that does it."""
