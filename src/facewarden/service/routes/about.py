"""What the service is and how it does: health, metrics and models."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from facewarden.core.card import Card
from facewarden.core.roles import Detector
from facewarden.service.problems import Problem
from facewarden.service.state import Service, service_of
from facewarden.service.wire.about import Health, ModelsAnswer, ProblemAnswer, ServedModel

router = APIRouter(tags=["about"])


@router.get("/health/live", summary="Whether the process runs")
async def live() -> Health:
    """Answer as long as the process can."""
    return Health(status="live")


@router.get("/health/ready", summary="Whether requests are taken", responses={503: {"model": ProblemAnswer}})
async def ready(request: Request) -> Health:
    """Answer 200 when models are loaded and the database answers; 503 while the service stops."""
    service = service_of(request)
    if service.stopping.is_set():
        raise Problem(503, "stopping", "the service stops", retry_after=5)
    try:
        await asyncio.to_thread(_ask, service)
    except SQLAlchemyError as error:
        raise Problem(503, "database", "the database does not answer", retry_after=5) from error
    return Health(status="ready")


def _ask(service: Service) -> None:
    with service.engine.connect() as connection:
        connection.execute(text("SELECT 1"))


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Give counts and times in the text format of Prometheus."""
    return Response(service_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/models", summary="What is served")
async def models(request: Request) -> ModelsAnswer:
    """List the served models with licences and hashes, the names of data for audits, and what is missing."""
    service = service_of(request)
    held = service.models
    served = [
        _model(one.scorer.name, one.scorer.detector.card).model_copy(
            update={
                **_of_detector(one.scorer.detector),
                "threshold": None if one.scorer.rule is None else one.scorer.rule.threshold,
                "threshold_from": "" if one.scorer.rule is None else one.scorer.rule.origin,
            }
        )
        for one in held.detectors.values()
    ]
    if held.purifier is not None:
        served.append(_model(held.purifier.card.name, held.purifier.card))
    if held.recognizer is not None:
        card = held.recognizer.card
        served.append(_model(card.name, card).model_copy(update={"threshold": card.match_threshold}))
    return ModelsAnswer(
        models=served,
        missing={what: f"{error.message}: {error.hint}" for what, error in held.absent.items()},
        captures=sorted(service.settings.captures),
        faces=sorted(service.settings.faces),
    )


def _of_detector(detector: Detector) -> dict[str, object]:
    return {"modalities": list(detector.modalities), "needs_box": detector.needs_box}


def _model(name: str, card: Card) -> ServedModel:
    return ServedModel(
        name=name, role=card.role, summary=card.summary, licence=card.licence, source=card.source,
        training_data=card.training_data, intended_use=card.intended_use, limits=card.limits, sha256=card.sha256,
        remarks=list(card.remarks),
    )  # fmt: skip
