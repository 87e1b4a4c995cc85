"""Photos whose faces are purified, judged or compared."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

import numpy as np
from fastapi import APIRouter, Query
from starlette.requests import Request

from facewarden.core.compute.finite import NO_VECTOR
from facewarden.core.errors import BadInputError
from facewarden.data.photo_change import changed_photo
from facewarden.photos.cloak_detector import SUSPICIOUS, Suspicion, most_suspicious
from facewarden.photos.purify_faces import PurifiedPhoto
from facewarden.photos.similarity import likeness
from facewarden.service.models.faces import Located
from facewarden.service.models.pictures import NoPicture, in_memory
from facewarden.service.routes.parts import Given, accepted, counted, read_samples
from facewarden.service.state import Service, service_of
from facewarden.service.wire.about import ProblemAnswer
from facewarden.service.wire.photos import (
    ComparedPair,
    FaceLikelihood,
    LikelihoodAnswer,
    LikelihoodOfPhoto,
    PhotosRequest,
    PurifiedOnWire,
    PurifyAnswer,
    VerifyAnswer,
    VerifyRequest,
)

T = TypeVar("T")
router = APIRouter(
    tags=["photos"],
    responses={404: {"model": ProblemAnswer}, 413: {"model": ProblemAnswer}, 429: {"model": ProblemAnswer}},
)


@router.post("/v1/cloak-likelihood", summary="How likely photos are cloaked")
async def cloak_likelihood(asked: PhotosRequest, request: Request) -> LikelihoodAnswer:
    """Tell for every face how likely it is cloaked against recognizers; for a photo the largest of these counts."""
    service = service_of(request)
    batches = service.models.needed("cloak detector", service.models.telling)
    assert service.models.cloaks is not None
    with accepted(service, request, len(asked.samples), action="cloak_likelihood"):
        with batches.announced(len(asked.samples)):
            read = await _read(service, [one.rgb for one in asked.samples], service.models.finder.locate)
        located = [one for one in read if isinstance(one, Located)]
        found = iter(await batches.compute([one.photo for one in located]))
    rows = [
        judged(sample.key, one, next(found) if isinstance(one, Located) else [])
        for sample, one in zip(asked.samples, read, strict=True)
    ]
    counted(service, "/v1/cloak-likelihood", [row.no_response for row in rows])
    return LikelihoodAnswer(model=service.models.cloaks.purifier.card.name, suspicious_from=SUSPICIOUS, samples=rows)


@router.post("/v1/purify", summary="Purify the faces of photos")
async def purify(
    asked: PhotosRequest,
    request: Request,
    suspicion: Annotated[
        float | None,
        Query(ge=0, le=1, description="Leave photos as they are whose cloak likelihood is below this."),
    ] = None,
) -> PurifyAnswer:
    """Purify every face, and return each photo as a PNG with everything else of it unchanged."""
    service = service_of(request)
    batches = service.models.needed("purifier", service.models.purifying)
    assert service.models.purifier is not None
    if suspicion is not None:
        service.models.needed("cloak detector", service.models.cloaks)
    with accepted(service, request, len(asked.samples), action="purify"):
        texts = [one.rgb for one in asked.samples]
        with batches.announced(len(texts)):
            both = await _read(service, texts, lambda raw: (raw, service.models.finder.locate(raw)))
        made = iter(await batches.compute([one[1].photo for one in both if isinstance(one, tuple)]))
        rows = await asyncio.gather(
            *(
                service.models.read(
                    partial(_purified, sample.key, one, next(made) if isinstance(one, tuple) else None, suspicion)
                )
                for sample, one in zip(asked.samples, both, strict=True)
            )
        )
    counted(service, "/v1/purify", [row.no_response for row in rows])
    return PurifyAnswer(model=service.models.purifier.card.name, samples=list(rows))


@router.post("/v1/verify", summary="Compare pairs of photos")
async def verify(asked: VerifyRequest, request: Request) -> VerifyAnswer:
    """Compare the most central faces of two photos by cosine; at the threshold or above they are of one person."""
    service = service_of(request)
    batches = service.models.needed("recognizer", service.models.embedding)
    assert service.models.recognizer is not None
    card = service.models.recognizer.card
    threshold = card.match_threshold if asked.threshold is None else asked.threshold
    with accepted(service, request, 2 * len(asked.pairs), action="verify"):
        texts = [text for pair in asked.pairs for text in (pair.first, pair.second)]
        with batches.announced(len(texts)):
            read = await _read(service, texts, service.models.finder.central)
        vectors = iter(await batches.compute([one[0] for one in read if isinstance(one, tuple)]))
        sides = [(one, next(vectors) if isinstance(one, tuple) else None) for one in read]
    rows = []
    for pair, first, second in zip(asked.pairs, sides[::2], sides[1::2], strict=True):
        rows.append(_compared(pair.key, (first, second), threshold))
    counted(service, "/v1/verify", [row.no_response for row in rows])
    own = "the request" if asked.threshold is not None else "match_threshold of the recognizer's card"
    return VerifyAnswer(
        model=card.name, threshold=threshold, threshold_from="none" if threshold is None else own, pairs=rows
    )


async def _read(service: Service, texts: list[str], work: Callable[[bytes], T]) -> list[T | NoPicture]:
    def one(_: int, given: list[Given]) -> T | NoPicture:
        [found] = given
        if not isinstance(found, bytes):
            return found or NoPicture("no picture")
        try:
            return work(found)
        except NoPicture as reason:
            return reason

    return await read_samples(service, [[text] for text in texts], one)


def judged(key: str, one: Located | NoPicture, found: list[Suspicion]) -> LikelihoodOfPhoto:
    """What is said of a photo: of each face, and of the most suspicious one.

    Args:
        key: of the sample.
        one: its faces, or why there are none.
        found: of each face.
    """
    if isinstance(one, NoPicture):
        return LikelihoodOfPhoto(key=key, likelihood=None, no_response=str(one))
    faces = [
        FaceLikelihood(box=face.box, likelihood=said.likelihood, kind=said.kind_from(SUSPICIOUS))
        for face, said in zip(one.photo.faces, found, strict=True)
    ]
    most = most_suspicious(found)
    return LikelihoodOfPhoto(
        key=key, likelihood=most.likelihood, kind=most.kind_from(SUSPICIOUS),
        suspicious=not most.likelihood < SUSPICIOUS, faces=faces, notes=list(one.notes),
    )  # fmt: skip


def _purified(
    key: str, found: tuple[bytes, Located] | NoPicture, made: PurifiedPhoto | None, suspicion: float | None
) -> PurifiedOnWire:
    if isinstance(found, NoPicture) or made is None or made.pixels is None:
        reason = str(found) if isinstance(found, NoPicture) else "no picture"
        return PurifiedOnWire(key=key, png=None, no_response=reason)
    raw, one = found
    below = made.likelihood is None or made.likelihood < (SUSPICIOUS if suspicion is None else suspicion)
    left = suspicion is not None and made.likelihood is not None and below
    pixels = one.photo.pixels if left else made.pixels
    notes = list(one.notes)
    try:
        with in_memory(raw) as path:
            png = changed_photo(path, pixels, on_note=notes.append)
    except BadInputError:
        return PurifiedOnWire(key=key, png=None, no_response="it cannot be written as a PNG")
    psnr, ssim = likeness(one.photo.pixels, pixels)
    identity = 1.0 if left else made.identity
    return PurifiedOnWire(
        key=key,
        png=base64.b64encode(png).decode("ascii"),
        treatment="left as it is" if left else "purified",
        likelihood=made.likelihood,
        kind="" if below else made.kind,
        psnr=psnr,
        ssim=ssim,
        identity=None if identity is None or not np.isfinite(identity) else identity,
        faces=len(one.photo.faces),
        notes=notes,
    )


_Side = tuple[tuple[np.ndarray, tuple[str, ...]] | NoPicture, np.ndarray | None]


def _compared(key: str, sides: tuple[_Side, _Side], threshold: float | None) -> ComparedPair:
    told = list(zip(("first", "second"), sides, strict=True))
    notes = [f"{name}: {note}" for name, (read, _) in told if isinstance(read, tuple) for note in read[1]]
    reasons = [f"{name}: {read}" for name, (read, _) in told if isinstance(read, NoPicture)]
    reasons += [f"{name}: {NO_VECTOR}" for name, (_, vector) in told if vector is not None and np.isnan(vector).any()]
    (_, first), (_, second) = sides
    if reasons or first is None or second is None:
        return ComparedPair(key=key, similarity=None, notes=notes, no_response="; ".join(reasons))
    cosine = float(np.clip(first @ second, -1.0, 1.0))
    return ComparedPair(
        key=key, similarity=cosine, same=None if threshold is None else cosine >= threshold, notes=notes
    )
