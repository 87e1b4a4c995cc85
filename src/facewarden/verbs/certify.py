"""Error rates that are proven for every small change of the pixels, by randomized smoothing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, maybe_path, name_of, several
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.resolve import (
    DetectorLike,
    RecognizerLike,
    resolve_aligner,
    resolve_detector,
    resolve_recognizer,
)
from facewarden.core.seeding import checked_seed, derive
from facewarden.data.captures import open_captures
from facewarden.data.datasets import open_dataset
from facewarden.data.results import RowsResult, rows_as_columns
from facewarden.evaluation.certification import Smoothing, certify_detector
from facewarden.evaluation.certification_report import (
    embeddings_document,
    radii_of,
    write_certification,
    write_embeddings,
)
from facewarden.evaluation.certified_embeddings import certify_embeddings
from facewarden.metrics.intervals import Interval
from facewarden.photos.align_photos import align_photos


@dataclass(frozen=True, repr=False)
class Certified(RowsResult):
    """What was proven.

    Attributes:
        radii: Euclidean lengths of changes.
        rates: "certified_apcer" and "certified_bpcer" of a detector, "still_matches" of a recognizer -> one rate a
            radius.
        simulated: whether the captures or photos are.
        files: what was written.
        skipped: reason -> how many captures or photos have no certificate.
        computed: device and precision of the model.
    """

    radii: tuple[float, ...]
    rates: dict[str, tuple[Interval, ...]]
    simulated: bool
    files: tuple[Path, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """One row for each rate and radius: value, bounds and count."""
        return rows_as_columns([
            {"rate": name, "radius": radius, **asdict(rate)}
            for name, rates in self.rates.items()
            for radius, rate in zip(self.radii, rates, strict=True)
        ])  # fmt: skip


@computes
@locking
def certify(
    source: PathLike,
    /,
    *,
    detector: DetectorLike | None = None,
    recognizer: RecognizerLike | None = None,
    sigma: float = 0.25,
    copies: int = 100,
    alpha: float = 0.001,
    bpcer: float = 0.05,
    modalities: Modality | Sequence[Modality] = ("rgb",),
    samples: int = 64,
    batch: int = 32,
    aligner: str = "yunet",
    seed: int = 0,
    device: str = "auto",
    precision: Precision | None = None,
    out: PathLike | None = None,
) -> Certified:
    """Bound the errors that any change of the pixels up to a length can cause, by randomized smoothing.

    A detector's rates are certified APCER and BPCER by radius; a recognizer's the share of photos that provably go on
    matching themselves.

    Args:
        source: captures with dev and test rows for a detector, photos of people for a recognizer.
        detector: what is certified; anything that scores. It should have been trained with noise.
        recognizer: what is certified instead; its card or --set gives the cosine from which two photos match.
        sigma: standard deviation of the noise, in units of the image ([0, 1] a channel).
        copies: noisy copies whose votes are counted; 100 prove at most a radius of 1.5 sigma.
        alpha: chance that one certificate is wrong.
        bpcer: BPCER on dev captures at which the threshold of the smoothed detector is set.
        modalities: sensors whose pixels an attacker reaches.
        samples: captures of each class and split, or photos, at most.
        batch: copies computed at once.
        aligner: the face finder of photos.
        seed: of the noise and of the choice.
        device: where the model computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what its own settings say, float32 for most.
        out: folder for certified.json, certified.md, and of a detector certified.svg and certified.parquet.

    Raises:
        BadInputError: a setting outside its range, both or none of the models, or captures that cannot be used.

    Source: Cohen, Rosenfeld and Kolter, ICML 2019; for embeddings see `facewarden.metrics.center_smoothing`.
    """
    source, out = os.fspath(source), maybe_path(out)
    sensors: tuple[Modality, ...] = several(modalities)
    checked_seed(seed)
    for name, value, least in (("copies", copies, 10), ("samples", samples, 1), ("batch", batch, 1)):
        if value < least:
            raise BadInputError(f"--{name} {value}", hint=f"--{name} {least} or more")
    if not 0 < sigma <= 10 or not 0 < alpha < 0.5:
        raise BadInputError(f"sigma {sigma} and alpha {alpha}", hint="--sigma 0.25 --alpha 0.001")
    if not 0 <= bpcer < 1:
        raise BadInputError(f"--bpcer {bpcer}", hint="--bpcer 0.05")
    if not sensors or set(sensors) - set(MODALITIES):
        raise BadInputError(f"sensors {list(sensors)}", hint=f"--modalities {' '.join(MODALITIES)}")
    if (detector is None) == (recognizer is None):
        raise BadInputError("certify takes a detector or a recognizer", hint="--detector MODEL, or --recognizer MODEL")
    if out is not None:
        hold(out)
    settings = Smoothing(sigma, copies, alpha, bpcer, sensors, seed, batch)
    if detector is not None:
        model = resolve_detector(detector)
        if missing := set(sensors) - set(model.modalities):
            raise BadInputError(
                f"{name_of(detector)} does not read {', '.join(sorted(missing))}",
                hint=f"--modalities {' '.join(model.modalities)}",
            )
        manifest = open_captures(source)
        found = certify_detector(model, manifest, settings, samples=samples)
        radii = radii_of(settings)
        files: tuple[Path, ...] = ()
        if out is not None:
            command = _command(source, "detector", name_of(detector), settings, samples=samples)
            files = write_certification(
                found, settings, out, detector=name_of(detector), source=manifest.name, command=command
            )
        rates = {f"certified_{name}": tuple(found.rates(radii, label=label)) for name, label in _CLASSES}
        return Certified(radii, rates, found.simulated, files, found.skipped, computed_by([model]))
    assert recognizer is not None
    return _embeddings(source, recognizer, settings, samples=samples, aligner=aligner, out=out)


_CLASSES = (("apcer", 0), ("bpcer", 1))


def _embeddings(
    source: str, recognizer: RecognizerLike, settings: Smoothing, *, samples: int, aligner: str, out: Path | None
) -> Certified:
    model = resolve_recognizer(recognizer)
    threshold = model.card.match_threshold
    if threshold is None:
        raise BadInputError(
            f"the card of {name_of(recognizer)} has no match_threshold",
            hint="facewarden evaluate verification --recognizer MODEL measures it; write it into the card",
        )
    dataset = open_dataset(source)
    photos = sorted(dataset.photos(), key=lambda photo: derive(settings.seed, "certify", photo.key))[:samples]
    faces = align_photos(dataset, photos, aligner=resolve_aligner(aligner))
    radii = radii_of(settings)
    found = certify_embeddings(
        model, list(faces.images(range(len(faces)))), keys=faces.key, subjects=faces.person, threshold=threshold,
        radii=radii, sigma=settings.sigma, copies=settings.copies, alpha=settings.alpha, seed=settings.seed,
        batch=settings.batch,
    )  # fmt: skip
    skipped = {**faces.skipped, **found.skipped}
    files: tuple[Path, ...] = ()
    if out is not None:
        command = _command(source, "recognizer", name_of(recognizer), settings, samples=samples)
        document = embeddings_document(
            found, settings, recognizer=name_of(recognizer), source=faces.source, simulated=faces.simulated,
            command=command,
        )  # fmt: skip
        files = write_embeddings({**document, "skipped": skipped}, out)
    return Certified(radii, {"still_matches": found.kept}, faces.simulated, files, skipped, computed_by([model]))


def _command(source: str, role: str, model: str, settings: Smoothing, *, samples: int) -> str:
    """What to type to get the same files."""
    words = ["facewarden", "certify", source, f"--{role}", model, "--sigma", f"{settings.sigma:g}"]
    words += ["--copies", str(settings.copies), "--alpha", f"{settings.alpha:g}"]
    if role == "detector":
        words += ["--bpcer", f"{settings.bpcer:g}", "--modalities", *settings.modalities]
    words += ["--samples", str(samples), "--seed", str(settings.seed), "--out", "DIR"]
    return shlex.join(words)
