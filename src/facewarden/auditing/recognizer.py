"""The audit of a recognizer: cloak photos of people one by one, and see whether it still finds them."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import Any

import torch

from facewarden.auditing.poisoning import Poisoning, run_poisoning
from facewarden.auditing.poisoning_section import poisoning_section
from facewarden.auditing.request import AuditRequest, model_part, not_measured, surrogates_of
from facewarden.core.errors import FacewardenError, MissingAssetError
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_purifier, resolve_recognizer
from facewarden.core.roles import Aligner
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.data.datasets import open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.population import crowd_of, judges_of_purifiers
from facewarden.photos.aligned import AlignedFaces, align_photos, choose_people
from facewarden.photos.synthetic import drawn_faces
from facewarden.reporting.document import AuditedPart, LeftOut, Section

PURIFIERS = ("identity", "jpeg", "gaussian_blur", "puface")
_JUDGE = "judge"


def poisoning_of(needs: AuditRequest, run: RunFolder) -> tuple[Section, tuple[AuditedPart, ...]]:
    """Cloak photos on a surrogate and see whether the audited recognizer still finds their owners."""
    try:
        judge = resolve_recognizer(needs.recognizer, device=needs.device)
        surrogates = surrogates_of(needs, judge)
    except MissingAssetError as error:
        return not_measured("poisoning", LeftOut("cloaking of gallery photos", error.message, error.hint)), ()
    faces, left_out = _faces(needs)
    sizes = needs.sizes
    seed = derive(needs.seed, "poisoning")
    models = {_JUDGE: judge, **{model.card.name: model for model in surrogates}}
    names = tuple(model.card.name for model in surrogates)
    pace = {"pace": "swift", "steps": sizes.cloak_steps}
    lab = ExperimentCache(crowd_of(faces), run.path / "cloaking", recognizer=models.__getitem__)
    setting = Poisoning(
        lab=lab,
        judge=_JUDGE,
        cloak=CloakRecipe("lowkey", "8", names, settings=pace, seed=seed),
        purifiers=_purifiers(),
        users=sizes.cloaking_people,
        seed=seed,
    )
    with torch.inference_mode(mode=False):
        section = poisoning_section(setting, run_poisoning(setting, run), left_out=left_out)
    shutil.rmtree(run.path / "cloaking", ignore_errors=True)  # cloaked faces of real people
    cloaking = len(lab.crowd.attackers(sizes.cloaking_people))
    settings: dict[str, Any] = {"people": len(lab.crowd.people), "photos": len(faces), "cloaking": cloaking}
    source = "drawn by the simulator" if faces.simulated else faces.source
    parts = (
        model_part("recognizer (judge)", judge.card),
        *(model_part("recognizer (surrogate)", model.card) for model in surrogates),
        AuditedPart("faces", faces.source, source, "see the data set", settings=settings),
    )
    return section, parts


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
    size = {"people": sizes.people, "at_most": sizes.photos_per_person, "seed": derive(needs.seed, "faces")}
    try:
        dataset = open_dataset(needs.faces or "orl")
        aligner: Aligner = load("align", "yunet")()
    except MissingAssetError as error:
        if needs.faces is not None:
            raise
        left = LeftOut("real faces", f"{error.message}; drawn faces stand in", error.hint)
        return drawn_faces(people=sizes.people, each=sizes.photos_per_person, seed=size["seed"]), (left,)
    # the other people of LFW are there to train purifiers on, and some of the users chose the recipe of one
    photos = judges_of_purifiers(dataset.part("users")) if isinstance(dataset, Lfw) else dataset.photos()
    return align_photos(dataset, choose_people(photos, at_least=4, **size), aligner=aligner), ()
