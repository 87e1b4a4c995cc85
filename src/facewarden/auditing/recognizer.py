"""The audit of a recognizer: cloak photos of people one by one, and see whether it still finds them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from facewarden.auditing.poisoning import Poisoning, run_poisoning
from facewarden.auditing.poisoning_section import poisoning_section
from facewarden.auditing.purifier_sheet import purifier_sheet
from facewarden.auditing.request import (
    CLOAKING,
    AuditRequest,
    chosen_photos,
    model_part,
    not_measured,
    surrogates_of,
)
from facewarden.core.compute.finite import NO_VECTOR, vectors_of
from facewarden.core.errors import BadInputError, FacewardenError, MissingAssetError, NotFiniteError
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_purifier, resolve_recognizer
from facewarden.core.roles import Recognizer
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.data.datasets import open_dataset
from facewarden.data.text import printable
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.population import crowd_of
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import AlignedFaces
from facewarden.photos.synthetic import drawn_faces
from facewarden.reporting.document import AuditedPart, LeftOut, Section

PURIFIERS = ("identity", "jpeg", "gaussian_blur", "puface")
_AUDITED = "recognizer"
_AT_ONCE = 32
_LOG = logging.getLogger("facewarden")


def poisoning_of(needs: AuditRequest, run: RunFolder) -> tuple[Section, tuple[AuditedPart, ...]]:
    """Cloak photos on a surrogate and see whether the audited recognizer still finds their owners."""
    try:
        recognizer = resolve_recognizer(needs.recognizer, device=needs.device)
        surrogates = surrogates_of(needs, recognizer)
    except MissingAssetError as error:
        return not_measured("poisoning", LeftOut(CLOAKING, error.message, error.hint)), ()
    models = {_AUDITED: recognizer, **{model.card.name: model for model in surrogates}}
    faces, left_out = _faces(needs)
    try:
        section, lab = _measured(needs, run, models, faces, left_out)
    except NotFiniteError:
        kept = with_vectors(faces, models.values())
        if len(kept) == len(faces):
            raise  # it is the network's answer to a purified or cloaked face
        section, lab = _measured(needs, run, models, faces := kept, left_out)
    shutil.rmtree(run.path / "cloaking", ignore_errors=True)  # cloaked faces of real people
    cloaking = len(lab.crowd.attackers(needs.sizes.cloaking_people))
    settings: dict[str, Any] = {"people": len(lab.crowd.people), "photos": len(faces), "cloaking": cloaking}
    source = "drawn by the simulator" if faces.simulated else faces.source
    parts = (
        model_part("recognizer", recognizer.card),
        *(model_part("recognizer (surrogate)", model.card) for model in surrogates),
        AuditedPart("faces", faces.source, source, "see the data set", settings=settings),
    )
    return section, parts


def _measured(
    needs: AuditRequest,
    run: RunFolder,
    models: Mapping[str, Recognizer],
    faces: AlignedFaces,
    left_out: tuple[LeftOut, ...],
) -> tuple[Section, ExperimentCache]:
    sizes, seed = needs.sizes, derive(needs.seed, "poisoning")
    names = tuple(name for name in models if name != _AUDITED)
    pace = {"pace": "swift", "steps": sizes.cloak_steps}
    lab = ExperimentCache(crowd_of(faces), run.path / "cloaking", recognizer=models.__getitem__)
    setting = Poisoning(
        lab=lab,
        recognizer=_AUDITED,
        cloak=CloakRecipe("lowkey", "8", names, settings=pace, seed=seed),
        purifiers=_purifiers(),
        users=sizes.cloaking_people,
        seed=seed,
    )
    with torch.inference_mode(mode=False):
        section = poisoning_section(setting, run_poisoning(setting, run), left_out=left_out)
        sheet = purifier_sheet(setting, run, pictures=needs.pictures)
    return replace(section, figures=(*section.figures, sheet)), lab


def with_vectors(faces: AlignedFaces, models: Iterable[Recognizer]) -> AlignedFaces:
    """The faces to which every network gives a vector; the others are named in a warning and counted.

    Args:
        faces: of a set.
        models: recognizers.

    Raises:
        BadInputError: no face is left.
    """
    finite = np.ones(len(faces), dtype=bool)
    for model in models:
        for start in range(0, len(faces), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(faces)))
            vectors = vectors_of(model, faces.images(rows))
            finite[list(rows)] &= torch.isfinite(vectors).all(dim=1).numpy()
    if not finite.any():
        raise BadInputError(f"no face of {faces.source} has an embedding: {NO_VECTOR}", hint="another --recognizer")
    lost = np.flatnonzero(~finite).tolist()
    if lost:
        named = ", ".join(printable(faces.key[row]) for row in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        _LOG.warning("%d photos are left out, %s: %s%s", len(lost), NO_VECTOR, named, more)
    kept = np.flatnonzero(finite).tolist()
    return replace(
        faces,
        crops=faces.crops[kept],
        person=tuple(faces.person[row] for row in kept),
        key=tuple(faces.key[row] for row in kept),
        skipped={**faces.skipped, **({NO_VECTOR: len(lost)} if lost else {})},
    )


def _purifiers() -> tuple[str, ...]:
    """The purifiers to measure, without one whose weights are not there."""
    found = []
    for name in PURIFIERS:
        with suppress(FacewardenError):
            resolve_purifier(name)
            found.append(name)
    return tuple(found)


def _faces(needs: AuditRequest) -> tuple[AlignedFaces, tuple[LeftOut, ...]]:
    """Real faces where there are any, else drawn ones; the report says which."""
    sizes = needs.sizes
    try:
        dataset = open_dataset(needs.faces or "orl")
        load("align", "yunet")()
    except MissingAssetError as error:
        if needs.faces is not None:
            raise
        left = LeftOut("real faces", f"{error.message}; drawn faces stand in", error.hint)
        return drawn_faces(people=sizes.people, each=sizes.photos_per_person, seed=derive(needs.seed, "faces")), (left,)
    photos = chosen_photos(needs, dataset, people=sizes.people, at_most=sizes.photos_per_person)
    return align_photos(dataset, photos, aligner="yunet", workers=needs.workers), ()
