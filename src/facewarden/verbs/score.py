"""Scores for a person who has photos or captures and wants to know what a detector says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facewarden.align import find_face
from facewarden.core.batch import FaceBatch
from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.errors import BadInputError
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.core.precision import Precision
from facewarden.core.progress import track
from facewarden.core.registry import load
from facewarden.core.resolve import DetectorLike, resolve_detector
from facewarden.core.roles import Detector
from facewarden.data.captures import names_captures, open_captures
from facewarden.data.photo import read_photo, why_unread
from facewarden.data.photo_files import photos_of
from facewarden.data.results import RowsResult
from facewarden.data.table import check_target, write_table
from facewarden.evaluation.scores import score_manifest


@dataclass(frozen=True, repr=False)
class ScoreResult(RowsResult):
    """What was scored.

    Attributes:
        key: file or capture name.
        score: logit, higher = more bona fide.
        out: the table on disk, if one was asked for.
        skipped: reason -> count.
        computed: device and precision of the network.
    """

    key: tuple[str, ...]
    score: tuple[float, ...]
    out: Path | None
    skipped: dict[str, int]
    computed: dict[str, str] = field(default_factory=dict)

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """Key and score of every sample."""
        return {"key": self.key, "score": self.score}


@computes
def score(
    source: PathLike,
    /,
    *,
    detector: DetectorLike = "multi_cnn",
    device: str = "auto",
    precision: Precision | None = None,
    out: PathLike | None = None,
) -> ScoreResult:
    """Score photos or captures with a presentation attack detector.

    Args:
        source: a manifest (.csv, .parquet), wmca:PATH or another published set of captures, a photo, or a folder of
            photos at any depth.
        detector: registry name, name:PATH, artifact folder, model.onnx with its card, or a detector itself.
        device: where the detector computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what its own settings say, float32 for most.
        out: table to write, .parquet or .csv.
    """
    source, out = path_of(source), maybe_path(out)
    if out is not None:
        check_target(out)
    model = resolve_detector(detector)
    if names_captures(source):
        scores = score_manifest(model, open_captures(source))
        if out is not None:
            scores.write(out)
        keys, values = tuple(scores.key.tolist()), tuple(scores.score.tolist())
        return ScoreResult(keys, values, out, dict(scores.skipped), computed_by([model]))
    skipped: Counter[str] = Counter()
    rows = list(_score_photos(model, source, skipped))
    if not rows:
        raise BadInputError(
            f"{source}: no photo could be scored ({dict(skipped)})", hint="photos with one visible face"
        )
    keys, values = zip(*rows, strict=True)
    if out is not None:
        write_table(out, {"key": keys, "score": values})
    return ScoreResult(keys, values, out, dict(skipped), computed_by([model]))


def _score_photos(model: Detector, source: Path, skipped: Counter[str]) -> Iterator[tuple[str, float]]:
    if any(modality not in model.optional and modality != "rgb" for modality in model.modalities):
        raise BadInputError(
            f"{model.card.name} needs {', '.join(model.modalities)}", hint="score a manifest of captures"
        )
    aligner = load("align", "yunet")()
    base = source if source.is_dir() else source.parent
    listing = photos_of(source)
    skipped.update(listing.unread)
    for path in track(listing.photos, label="scoring", unit="photos"):
        try:
            image = read_photo(path)
        except BadInputError as error:
            skipped[why_unread(path, error)] += 1
            continue
        face = find_face(image, aligner, no_face="skip")
        if face is None:
            skipped["no face found"] += 1
            continue
        frame = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
        batch = FaceBatch(images={"rgb": frame}, key=(path.name,), box=torch.tensor([face.box], dtype=torch.float32))
        with torch.inference_mode():
            yield path.relative_to(base).as_posix(), float(model(batch).score[0])
