"""What an audit was asked for, and whether it can be done: looked at before the minutes of measuring."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from facewarden.auditing.presets import Preset
from facewarden.core.card import Card
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError, FacewardenError, LeakError, MissingAssetError, RunError
from facewarden.core.identity.given import recorded
from facewarden.core.identity.inputs import hash_of
from facewarden.core.resolve import RecognizerLike, resolve_recognizer
from facewarden.core.roles import Recognizer
from facewarden.core.seeding import checked_seed, derive
from facewarden.data.captures import open_captures
from facewarden.data.content import captures_hash, photos_hash
from facewarden.data.datasets import Dataset, FacePhoto, open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.manifest import Manifest
from facewarden.experiments.cloaking.population import evaluation_photos
from facewarden.metrics.pad import check_policy
from facewarden.photos.aligned import choose_people
from facewarden.recognizers.parts.ensembles import AUDIT_SURROGATES
from facewarden.reporting.document import AuditedPart, LeftOut, Section

_LOG = logging.getLogger("facewarden")
CLOAKING = "cloaking of gallery photos"
AT_LEAST = 4
"""Photos that a person needs to take part in the cloaking."""


@dataclass(frozen=True)
class AuditRequest:
    """What the audit was asked for, besides the detector; device and workers decide no number and are in no recipe."""

    recognizer: RecognizerLike
    surrogate: tuple[RecognizerLike, ...]
    faces: str | None
    captures: Path | None
    sizes: Preset
    policy: str
    seed: int
    device: str = "auto"
    precision: Precision | None = None
    workers: int = 0
    pictures: Literal["drawn", "own"] = "drawn"
    batch: int = 32

    def recipe(self) -> dict[str, Any]:
        """What decides the numbers, JSON-able."""
        return {
            "recognizer": recorded(self.recognizer),
            "surrogate": [recorded(one) for one in self.surrogate],
            "faces": self.faces,
            "captures": None if self.captures is None else str(self.captures),
            "sizes": asdict(self.sizes),
            "policy": self.policy,
            "seed": self.seed,
            # left out where it is, so that runs of the time before go on
            **({} if self.precision is None else {"precision": self.precision}),
            **({} if self.pictures == "drawn" else {"pictures": self.pictures}),
            **({} if self.batch == 32 else {"batch": self.batch}),
        }

    def options(self) -> dict[str, str | None]:
        """Command line options that were not left at their defaults."""
        return {
            "--recognizer": None if self.recognizer == "mobilefacenet_512" else recorded(self.recognizer),
            "--surrogate": " ".join(map(recorded, self.surrogate)) or None,
            "--faces": self.faces,
            "--captures": None if self.captures is None else str(self.captures),
            "--policy": None if self.policy == "eer" else self.policy,
            "--seed": str(self.seed) if self.seed else None,
            "--device": None if self.device == "auto" else self.device,
            "--precision": self.precision,
            "--workers": str(self.workers) if self.workers else None,
            "--pictures": None if self.pictures == "drawn" else self.pictures,
            "--batch": None if self.batch == 32 else str(self.batch),
        }


def model_part(role: str, card: Card) -> AuditedPart:
    """A model's entry in the report's provenance, with what was remarked when it was loaded."""
    remarks = {"remarks": list(card.remarks)} if card.remarks else {}
    return AuditedPart(role, card.name, card.source, card.licence, card.sha256, {**card.settings, **remarks})


def check_needs(needs: AuditRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """Refuse what cannot work before the minutes of measuring, not after them; missing public parts are left out later.

    Returns:
        Hashes of the captures, the faces and the recognizers, for the recipe: a run resumes only with files of the same
        bytes. And of the recognizers with what their cards set, for `RunFolder(inputs=...)`.

    Raises:
        BadInputError, UnknownEntryError: a negative seed, an unknown policy or recognizer, no such faces or captures.
    """
    checked_seed(needs.seed)
    check_policy(needs.policy)
    hashes: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    with suppress(MissingAssetError):
        recognizer = resolve_recognizer(needs.recognizer)
        used = (recognizer, *surrogates_of(needs, recognizer))
        hashes["recognizers"] = [model.card.sha256 for model in used]
        inputs |= {f"recognizer {model.card.name}": hash_of(model.card.identity()) for model in used}
    with suppress(MissingAssetError):
        if needs.faces is not None:
            hashes["faces_sha256"] = photos_hash(open_dataset(needs.faces).photos())
    if needs.captures is not None:
        manifest = open_captures(needs.captures)
        check_captures(manifest)
        # images of train are not read: nothing is trained here
        hashes["manifest"] = captures_hash(manifest, splits=("dev", "test"))
    return hashes, inputs


def with_hashes(parts: Sequence[AuditedPart], hashes: Mapping[str, Any]) -> tuple[AuditedPart, ...]:
    """The parts of a report, with the hashes of the captures and photos that were given, as of `check_needs`."""
    known = {"captures": ("rows and images of dev and test", "manifest"), "faces": ("photos", "faces_sha256")}
    found = []
    for part in parts:
        name, place = known.get(part.role, ("", ""))
        found.append(replace(part, sha256={name: hashes[place]}) if place in hashes and not part.sha256 else part)
    return tuple(found)


def surrogates_of(needs: AuditRequest, recognizer: Recognizer) -> tuple[Recognizer, ...]:
    """Recognizers to make the cloak on: those named, else the first two that are there and are not the audited one.

    Raises:
        BadInputError: the audited recognizer is named as a surrogate.
        MissingAssetError: none is in the cache.
    """
    if recorded(needs.recognizer) in map(recorded, needs.surrogate):
        raise BadInputError(
            f"the surrogate {recorded(needs.recognizer)!r} is the audited recognizer itself",
            hint="the cloak is never made on the audited recognizer; leave --surrogate out",
        )
    if needs.surrogate:
        return tuple(resolve_recognizer(name, device=needs.device) for name in needs.surrogate)
    found: list[Recognizer] = []
    missing: list[MissingAssetError] = []
    for name in AUDIT_SURROGATES:
        if name != recognizer.card.name and len(found) < 2:
            try:
                found.append(resolve_recognizer(name, device=needs.device))
            except MissingAssetError as error:
                missing.append(error)
    if not found:
        raise missing[0]
    return tuple(found)


def unusable_faces(needs: AuditRequest) -> LeftOut | None:
    """Why the cloaking of gallery photos cannot be measured with these faces, or None; looked at before any work."""
    if needs.faces is None:
        return None
    try:
        sizes = needs.sizes
        chosen_photos(needs, open_dataset(needs.faces), people=sizes.people, at_most=sizes.photos_per_person)
    except MissingAssetError:
        return None  # the section itself says how to get them
    except FacewardenError as error:
        return LeftOut(CLOAKING, error.message, error.hint)
    return None


def chosen_photos(needs: AuditRequest, dataset: Dataset, *, people: int, at_most: int) -> tuple[FacePhoto, ...]:
    """Photos of people who have enough of them, by seed.

    Args:
        needs: the request, for its seed.
        dataset: of Labeled Faces in the Wild the other people are there to train purifiers on.
        people, at_most: how many, and how many photos of each.

    Raises:
        BadInputError: too few people have enough photos.
    """
    # some of the users chose the recipe of a purifier
    photos = evaluation_photos(dataset.part("users")) if isinstance(dataset, Lfw) else dataset.photos()
    return choose_people(photos, people=people, at_least=AT_LEAST, at_most=at_most, seed=derive(needs.seed, "faces"))


def check_captures(manifest: Manifest) -> None:
    """Refuse captures on which no threshold can be set and none be tested, before anything is measured.

    Raises:
        BadInputError: the splits dev and test do not both hold bona fide and attack rows.
        LeakError: a subject is in both.
    """
    lacking = [name for name in ("dev", "test") if not len(manifest.where(split=name))]
    if lacking:
        raise BadInputError(
            f"{manifest.name}: no rows of split {' and '.join(lacking)}",
            hint="the threshold is set on dev and measured on test; facewarden data split CAPTURES --out FILE.csv "
            "draws both by subject",
        )
    subjects = {}
    for split in ("dev", "test"):
        rows = manifest.where(split=split)
        classes = {row.label for row in rows}
        absent = [what for label, what in ((1, "bona fide"), (0, "attack")) if label not in classes]
        if absent:
            raise BadInputError(
                f"{manifest.name}: no {absent[0]} row in split {split}",
                hint="the threshold is set on dev and measured on test, each with bona fide and attack rows",
            )
        subjects[split] = set(rows.subjects)
    shared = sorted(subjects["dev"] & subjects["test"])
    if shared:
        raise LeakError(
            f"{manifest.name}: {len(shared)} subjects are in both dev and test, first {shared[0]!r}",
            hint="split by subject; facewarden data check lists them",
        )


def measured_or_left_out(name: str, what: str, measure: Callable[[], Section]) -> Section:
    """Measure a section; where that fails it stands in the report with the reason, and the other sections go on.

    Args:
        name: of the section.
        what: is left out then.
        measure: gives the section.

    Raises:
        RunError: the run's folder cannot be used.
    """
    try:
        return measure()
    except RunError:
        raise
    except FacewardenError as error:
        _LOG.warning("%s is not measured: %s", what, error)
        return not_measured(name, LeftOut(what, error.message, error.hint))


def not_measured(name: Any, left: LeftOut) -> Section:
    """Stand in for a section that could not be measured, with the reason and what would help."""
    return Section(name, None, f"Not measured: {left.why}.", "Not graded: nothing was measured.", left_out=(left,))
