"""Set the threshold of a detector, and its probability: on dev captures, or from bona fide photos of a camera alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import locking
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.core.resolve import DetectorLike, resolve_detector
from facewarden.data.captures import open_captures
from facewarden.data.results import Result
from facewarden.evaluation.scores import rows_of_split, score_manifest
from facewarden.evaluation.verdicts.choice import DEFAULT_POLICY, dev_scores
from facewarden.evaluation.verdicts.fitting import carried_rule, fitted_rule
from facewarden.evaluation.verdicts.rule import VerdictRule, simulation_notes
from facewarden.metrics.pad import check_policy
from facewarden.verbs.own.folders import folder_paths, given_captures


@dataclass(frozen=True, repr=False)
class Calibrated(Result):
    """A rule that was written.

    Attributes:
        rule: threshold and probability, with where they came from.
        out: its file, for `score --rule`.
        skipped: reason -> how many photos or captures have no score.
        computed: device and precision of the detector.
        warnings: what a reader must know first.
    """

    rule: VerdictRule
    out: Path
    skipped: dict[str, int]
    computed: dict[str, str]
    warnings: tuple[str, ...] = ()


@computes
@locking
def calibrate(
    detector: DetectorLike,
    /,
    *,
    bona_fide: PathLike | Sequence[PathLike] = (),
    subject: str = "auto",
    bpcer: float = 0.05,
    dev: PathLike | None = None,
    policy: str = DEFAULT_POLICY,
    seed: int = 0,
    device: str = "auto",
    precision: Precision | None = None,
    out: PathLike = "calibration.json",
) -> Calibrated:
    """Set the threshold of a detector for `score --rule`.

    From bona fide photos of a camera alone, the threshold is the one that rejects a share of them. How many attacks
    pass there is then not known, and every decision says so. With captures of both classes, a policy sets the
    threshold on their dev rows and Platt scaling gives a probability.

    Args:
        detector: registry name, name:PATH, artifact folder, model.onnx with its card, or a detector itself.
        bona_fide: folders of bona fide photos of the camera.
        subject: whose face a photo shows, as in `data_from_folders`.
        bpcer: share of these photos that is rejected.
        dev: instead, captures whose dev rows have both classes, or a table of their scores.
        policy: how the threshold is set on them: eer, or apcer=0.05.
        seed: of the bootstrap.
        device, precision: where and in which precision the detector computes, as in score.
        out: the JSON to write.

    Raises:
        BadInputError: neither photos nor captures, or too few of them.
    """
    target, captures, photos = path_of(out), maybe_path(dev), folder_paths(bona_fide)
    check_policy(policy)
    if bool(photos) == (captures is not None):
        raise BadInputError("nothing to set a threshold on", hint="--bona-fide DIR of your camera, or --dev CAPTURES")
    if captures is None and policy != DEFAULT_POLICY:
        raise BadInputError("a policy needs attacks too", hint="--dev CAPTURES, or --bpcer with --bona-fide")
    if not 0 < bpcer < 1:
        raise BadInputError(f"BPCER {bpcer:g}", hint="--bpcer 0.05, a share between 0 and 1")
    model = resolve_detector(detector)
    if captures is not None:
        scores = dev_scores(model, captures)
        rule = fitted_rule(rows_of_split(scores, "dev"), policy=policy, detector=model.card.sha256)
    else:
        read = given_captures(None, [model], bona_fide=photos, attacks=(), mapping=None, subject=subject, seed=0,
                              split=False)  # fmt: skip
        assert read is not None
        scores = score_manifest(model, open_captures(read))
        names = ", ".join(path.name for path in photos)
        rule = carried_rule(scores.score, scores.subject, bpcer=bpcer, where=names, detector=model.card.sha256,
                            seed=seed)  # fmt: skip
    warnings = simulation_notes(model.card)
    rule = replace(rule, remarks=(*rule.remarks, *warnings))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        rule.write(target)
    except OSError as error:
        raise BadInputError(f"{target}: cannot be written: {error}", hint="--out FILE.json") from error
    return Calibrated(rule, target, dict(scores.skipped), computed_by([model]), warnings)
