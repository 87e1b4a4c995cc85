"""Photos in, verdicts out: the pages for scoring and for purifying."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from facewarden.service.pages.access import needs
from facewarden.service.pages.forms import MOST_PHOTOS, Photo, Shown, photos_of, shown, text_of
from facewarden.service.pages.paths import ROOT
from facewarden.service.pages.rendering import render
from facewarden.service.pages.scale import ScoreScale, score_scale
from facewarden.service.routes.faces import purify as purify_photos
from facewarden.service.routes.score import score as score_photos
from facewarden.service.state import Service, service_of
from facewarden.service.wire.photos import Photo as PhotoOnWire
from facewarden.service.wire.photos import PhotosRequest, PurifiedOnWire, ScoredSample, ScoreRequest, ScoreSample

router = APIRouter(prefix=ROOT, include_in_schema=False)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class ScoredPhoto:
    """One photo of the page of verdicts."""

    sample: ScoredSample
    shown: Shown | None
    scale: ScoreScale | None


@dataclass(frozen=True)
class PurifiedPhoto:
    """One photo of the page of purifying, before and after."""

    sample: PurifiedOnWire
    before: Shown | None
    after: Shown | None
    file: str


@router.get("/score", dependencies=[Depends(needs("score"))])
async def score_form(request: Request) -> Response:
    """Ask for photos to score."""
    return render(request, "score", **_about(request))


@router.post("/score", dependencies=[Depends(needs("score"))])
async def scored(request: Request) -> Response:
    """Score the photos of a form."""
    form, photos = await photos_of(request)
    samples = [ScoreSample(key=photo.name, rgb=photo.base64 or None) for photo in photos]
    model = text_of(form, "model") or None
    answer = await score_photos(ScoreRequest(samples=samples), request, model=model, faces="find")
    pictures = await _shown(service_of(request), [photo.data for photo in photos])
    threshold = None if answer.rule is None else answer.rule.threshold
    found = [
        ScoredPhoto(sample, picture, None if sample.score is None or threshold is None
                    else score_scale(sample.score, threshold))
        for sample, picture in zip(answer.samples, pictures, strict=True)
    ]  # fmt: skip
    return render(request, "score", **{**_about(request), "answer": answer, "found": found, "chosen": answer.model})


@router.get("/purify", dependencies=[Depends(needs("purify"))])
async def purify_form(request: Request) -> Response:
    """Ask for photos to purify."""
    return render(request, "purify", **_about(request))


@router.post("/purify", dependencies=[Depends(needs("purify"))])
async def purified(request: Request) -> Response:
    """Purify the photos of a form."""
    _, photos = await photos_of(request)
    given = [photo for photo in photos if photo.data]
    asked = PhotosRequest(samples=[PhotoOnWire(key=photo.name, rgb=photo.base64) for photo in given])
    answer = await purify_photos(asked, request, suspicion=None)
    service = service_of(request)
    before = await _shown(service, [photo.data for photo in given])
    after = await _shown(service, [base64.b64decode(one.png or "") for one in answer.samples])
    found = [
        PurifiedPhoto(sample, old, new, _file(photo))
        for sample, old, new, photo in zip(answer.samples, before, after, given, strict=True)
    ]
    return render(request, "purify", **{**_about(request), "answer": answer, "found": found})


def _about(request: Request) -> dict[str, Any]:
    """What the forms offer."""
    service = service_of(request)
    limits, models = service.settings.limits, service.models
    absent = {what: error.message for what, error in models.absent.items()}
    return {
        "detectors": list(models.detectors), "chosen": next(iter(models.detectors)), "found": None, "answer": None,
        "most": min(MOST_PHOTOS, limits.samples), "megabytes": limits.bytes // 2**20, "kept": service.kept is not None,
        "absent": absent, "purifier": None if models.purifier is None else models.purifier.card.name,
    }  # fmt: skip


async def _shown(service: Service, files: list[bytes]) -> list[Shown | None]:
    return list(await asyncio.gather(*(service.models.read(partial(shown, data)) for data in files)))


def _file(photo: Photo) -> str:
    """A name for the file that is saved: letters, digits, points and lines alone."""
    return f"{_UNSAFE.sub('_', PurePath(photo.name).stem)[:60].strip('._') or 'photo'}-purified.png"
