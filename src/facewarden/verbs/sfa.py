"""Train SFA's generators against a detector and keep them as an artifact for `facewarden attack --sfa`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.artifact import CARD, refuse_other_model, save_artifact
from facewarden.core.card import Card
from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import locking
from facewarden.core.identity.code_version import code_of
from facewarden.core.identity.given import PathLike, path_of, recorded
from facewarden.core.identity.inputs import hash_of
from facewarden.core.resolve import DetectorLike, resolve_detector
from facewarden.core.run import RunFolder
from facewarden.core.seeding import checked_seed
from facewarden.data.captures import open_captures
from facewarden.data.content import captures_hash
from facewarden.data.loading import Skipped
from facewarden.data.results import Result
from facewarden.evaluation.sampling import balanced_samples
from facewarden.nn.gradient_sources.generator_pair import ROLE, TRAINED_AGAINST
from facewarden.training.detector_inputs import read_views
from facewarden.training.sfa import SfaSettings, Target, check_classes, check_learnable, fit_pair, pair_settings


@dataclass(frozen=True, repr=False)
class SfaTrained(Result):
    """Generators that were trained.

    Attributes:
        out: their folder.
        log: per epoch the mean loss, the mean size of the map relative to its cap, the share of its values above 95 %
            of the cap, and with patience the loss on held-out captures.
        samples: training captures.
    """

    out: Path
    log: tuple[dict[str, float], ...]
    samples: int


@computes
@locking
def sfa(
    captures: PathLike,
    /,
    *,
    detector: DetectorLike,
    out: PathLike,
    target: Target = "keep",
    cap: float = 3.0,
    gate: bool = True,
    widths: Sequence[int] = SfaSettings.widths,
    radius: int = 1,
    heads: Sequence[str] = (),
    epochs: int = 5,
    patience: int = 0,
    samples: int = 1200,
    seed: int = 0,
    device: str = "auto",
    precision: Precision | None = None,
    resume: bool = False,
) -> SfaTrained:
    """Train the two generators of SFA on the train split of captures.

    Args:
        captures: manifest whose train rows are learned from.
        detector: whose decision they learn to move towards or across; its weights stay.
        out: folder to write; `run` inside it holds checkpoints and may be deleted afterwards.
        target: keep trains towards the decision boundary without crossing it, flip across it.
        cap: largest value of the map in gray levels; at most a few times the eps of the attacks to come.
        gate: whether the local binary pattern chooses between the two generators.
        widths: channels of each generator at half, quarter … size; their number is its depth.
        radius: of the local binary pattern, in pixels.
        heads: of a multitask detector, whose losses are added to that of the decision.
        epochs: passes over the samples, at most.
        patience: stop when the loss on the dev split has not fallen by 1 % for so many epochs, and keep the generators
            of the lowest; 0 trains all epochs.
        samples: captures to learn from at most, as many of each class as there are; 0 for the whole train split.
        seed: decides samples, weights and order.
        device: where to train: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what the detector computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left
            out, what its own settings say, float32 for most.
        resume: go on with a run that was killed; it ends with the same bits.

    Raises:
        BadInputError: the detector has no gradients or lacks a head, or the captures lack a split or a class.
    """
    captures, out = path_of(captures), path_of(out)
    checked_seed(seed)
    if samples < 0 or samples == 1:
        raise BadInputError(f"{samples} samples to learn from", hint="--samples 1200, or 0 for all")
    settings = SfaSettings(target=target, cap=cap, gate=gate, widths=tuple(widths), radius=radius, heads=tuple(heads),
                           epochs=epochs, patience=patience)  # fmt: skip
    manifest = open_captures(captures)
    recipe = {**pair_settings(settings), "entry": ROLE, "detector": recorded(detector), "source": manifest.name,
              "samples": samples, "seed": seed}  # fmt: skip
    if precision is not None:
        recipe["precision"] = precision
    model = resolve_detector(detector)
    check_learnable(model, settings.heads)
    train = manifest.where(split="train")
    chosen = balanced_samples(train, samples, seed=seed) if samples else list(train)
    held = list(manifest.where(split="dev")) if patience else []
    for split, rows in {"train": chosen, **({"dev": held} if patience else {})}.items():
        if not rows:
            raise BadInputError(f"{captures}: no {split} rows", hint="captures with a train split; dev for --patience")
    check_classes(sample.label for sample in chosen)
    refuse_other_model(out)
    splits = ("train", "dev") if patience else ("train",)
    inputs = {"captures": captures_hash(manifest, splits=splits), "detector": hash_of(model.card.identity())}
    run = RunFolder(
        out / "run", recipe=recipe, code=code_of("sfa"), resume=resume, inputs=inputs, computed=computed_by([model])
    )
    skipped: list[Skipped] = []
    views = read_views(manifest, model, samples=chosen, skipped=skipped, targets=settings.heads)
    held_out = read_views(manifest, model, samples=held, skipped=skipped, targets=settings.heads) if held else []
    pair, log = fit_pair(model, views, settings=settings, seed=seed, held_out=held_out, run=out / "run" / "checkpoints")
    count = sum(map(len, views))
    kind = "*simulated* captures" if manifest.simulated else "captures"
    card = Card(
        name=ROLE,
        summary=f"Two generators that move where attacks on {model.card.name} read their gradients",
        role=ROLE,
        licence="Apache-2.0",
        source=f"facewarden sfa, seed {seed}, against {model.card.name}",
        training_data=f"{count} {kind} of {manifest.name}",
        intended_use="measuring the adversarial robustness of that detector",
        limits="belongs to the one detector it was trained against; elsewhere it is a surrogate's",
        settings=pair.settings,
    )
    save_artifact(out, pair.state_dict(), card=card, recipe={**recipe, TRAINED_AGAINST: inputs["detector"], "log": log})
    run.finish({"samples": count, "unreadable": len(skipped)})
    assert (out / CARD).is_file()
    return SfaTrained(out, tuple(log), count)
