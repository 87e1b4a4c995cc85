"""Audits in the background: submit, follow, cancel, read the report, remove."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from facewarden.core.errors import FacewardenError
from facewarden.metrics.pad import check_policy
from facewarden.reporting.gate import parse_gate
from facewarden.service.jobs.work import NAMES
from facewarden.service.problems import Problem, json_response
from facewarden.service.routes.parts import caller_of
from facewarden.service.state import Service, service_of
from facewarden.service.store.job_store import ENDED, Job, new_identity
from facewarden.service.wire.about import ProblemAnswer
from facewarden.service.wire.audits import AuditRequestOnWire, JobAnswer, JobsAnswer

router = APIRouter(prefix="/v1/audits", tags=["audits"])
_LOOK = 0.3
_REFUSALS: dict[int | str, dict[str, Any]] = {404: {"model": ProblemAnswer}, 409: {"model": ProblemAnswer}}
_REPORT_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'unsafe-inline'; sandbox allow-scripts"
)


@router.post(
    "",
    status_code=202,
    summary="Submit an audit",
    response_model=JobAnswer,
    responses={400: {"model": ProblemAnswer}, 404: {"model": ProblemAnswer}, 429: {"model": ProblemAnswer}},
)
async def submit(asked: AuditRequestOnWire, request: Request) -> Response:
    """Accept an audit of a served detector; once it is accepted, it is done even if the service is killed meanwhile."""
    service = service_of(request)
    wanted = audit_arguments(service, asked)
    by, identity = caller_of(request).key, new_identity()
    # first the log: an audit that was accepted is never answered with a refusal
    service.actions.add("audit.submit", by=by, job=identity)
    job = await asyncio.to_thread(
        service.jobs.submit, "audit", wanted, by=by, waiting=service.settings.jobs.waiting, identity=identity
    )
    if job is None:
        service.actions.add("audit.refuse", by=by, job=identity)
        raise Problem(429, "busy", "too many audits wait", hint="wait as Retry-After says", retry_after=60)
    service.runner.wake()
    return json_response(on_wire(job).model_dump(), status=202, headers={"Location": f"/v1/audits/{job.id}"})


def audit_arguments(service: Service, asked: AuditRequestOnWire) -> dict[str, Any]:
    """Arguments of the audit for what was asked for, checked before anything is queued.

    Raises:
        Problem: 404 for a name that is not served, 400 for a policy or gate that cannot be read.
    """
    settings = service.settings
    try:
        check_policy(asked.policy)
        if asked.fail_on is not None:
            parse_gate(asked.fail_on)
    except FacewardenError as error:
        raise Problem(400, "audit", error.message, hint=error.hint) from error
    wanted: dict[str, Any] = {
        "detector": service.models.detector(asked.detector).spec,
        "preset": asked.preset,
        "policy": asked.policy,
        "seed": asked.seed,
        "device": settings.device,
        "workers": 1,
    }
    if asked.fail_on is not None:
        wanted["fail_on"] = asked.fail_on
    if settings.precision is not None:
        wanted["precision"] = settings.precision
    for what, name, known in (("captures", asked.captures, settings.captures), ("faces", asked.faces, settings.faces)):
        if name is not None and name not in known:
            raise Problem(404, what, f"no such {what} are served", hint=f"one of: {', '.join(known) or 'none'}")
        if name is not None:
            wanted[what] = known[name]
    if settings.recognizer:
        wanted["recognizer"] = settings.recognizer
    named = {"detector": asked.detector or next(iter(service.models.detectors)), "captures": asked.captures,
             "faces": asked.faces}  # fmt: skip
    wanted[NAMES] = {what: name for what, name in named.items() if name is not None}
    return wanted


@router.get("", summary="List audits")
async def listed(request: Request, most: Annotated[int, Query(ge=1, le=1000)] = 100) -> JobsAnswer:
    """List audits, the newest first."""
    found = await asyncio.to_thread(service_of(request).jobs.latest, kind="audit", most=most)
    return JobsAnswer(audits=[on_wire(job) for job in found])


@router.get("/{identity}", summary="How far an audit is", responses=_REFUSALS)
async def one(identity: str, request: Request) -> JobAnswer:
    """Tell what was asked for, how far it is, and how it ended."""
    return on_wire(await job_of(service_of(request), identity))


@router.get(
    "/{identity}/events",
    summary="Follow an audit",
    response_class=EventSourceResponse,
    responses={**_REFUSALS, 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def events(identity: str, request: Request) -> EventSourceResponse:
    """Send an event of every change as server-sent events, until the audit has ended or the service stops."""
    service = service_of(request)
    await job_of(service, identity)
    return EventSourceResponse(_changes(service, identity), ping=15)


async def _changes(service: Service, identity: str) -> AsyncIterator[ServerSentEvent]:
    before = ""
    while not service.stopping.is_set():
        job = await asyncio.to_thread(service.jobs.get, identity)
        if job is None:
            return
        told = json.dumps(on_wire(job).model_dump())
        if told != before:
            yield ServerSentEvent(told, event=job.state)
        if job.state in ENDED:
            return
        before = told
        await asyncio.sleep(_LOOK)


@router.post("/{identity}/cancel", status_code=202, summary="Cancel an audit", responses=_REFUSALS)
async def cancel(identity: str, request: Request) -> JobAnswer:
    """Ask for the end of an audit; what has ended stays as it is."""
    service = service_of(request)
    await job_of(service, identity)
    job = await asyncio.to_thread(service.jobs.cancel, identity)
    if job is None:
        raise _unknown()
    service.actions.add("audit.cancel", by=caller_of(request).key, job=identity)
    service.runner.wake()
    return on_wire(job)


@router.get(
    "/{identity}/report",
    summary="The report of an audit",
    response_class=Response,
    responses={**_REFUSALS, 200: {"content": {"text/html": {}, "application/json": {}}}},
)
async def report(identity: str, request: Request, form: Literal["html", "json"] = "html") -> Response:
    """Give the report as a page, or as JSON that `facewarden compare` and `facewarden report` read."""
    service = service_of(request)
    job = await job_of(service, identity)
    path = service.audits / job.id / "run" / f"report.{form}"
    if job.state != "done" or not path.is_file():
        raise Problem(
            409, "report", f"the audit is {job.state}: it has no report", hint=str(job.outcome.get("error", ""))
        )
    service.actions.add("audit.report", by=caller_of(request).key, job=identity)
    kind = "text/html; charset=utf-8" if form == "html" else "application/json"
    headers = {"Content-Security-Policy": _REPORT_CSP, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return FileResponse(path, media_type=kind, headers=headers)


@router.delete("/{identity}", status_code=204, summary="Remove an audit", responses=_REFUSALS)
async def remove(identity: str, request: Request) -> Response:
    """Remove an audit that has ended, with its report."""
    service = service_of(request)
    job = await job_of(service, identity)
    if job.state in ENDED:  # the folder first: where it cannot be removed, the audit is still listed and told so
        with suppress(FileNotFoundError):
            await asyncio.to_thread(shutil.rmtree, service.audits / job.id)
    if job.state not in ENDED or not await asyncio.to_thread(service.jobs.remove, job.id):
        raise Problem(409, "state", f"the audit is {job.state}", hint=f"POST /v1/audits/{job.id}/cancel first")
    service.actions.add("audit.remove", by=caller_of(request).key, job=identity)
    return Response(status_code=204)


async def job_of(service: Service, identity: str) -> Job:
    """An audit by its id.

    Raises:
        Problem: 404, there is none.
    """
    plain = identity.isascii() and identity.isalnum() and len(identity) == 32
    job = await asyncio.to_thread(service.jobs.get, identity) if plain else None
    if job is None or job.kind != "audit":
        raise _unknown()
    return job


def _unknown() -> Problem:
    return Problem(404, "audit", "there is no such audit", hint="GET /v1/audits")


def on_wire(job: Job) -> JobAnswer:
    """A job as answers have it; paths of the server are left out."""
    shown = dict(job.request.get(NAMES, {}))
    shown |= {name: job.request[name] for name in ("preset", "policy", "seed", "fail_on") if name in job.request}
    return JobAnswer(
        id=job.id, state=job.state, request=shown, created=job.created, started=job.started, ended=job.ended,
        tries=job.tries, canceling=job.cancel and job.state == "running", progress=dict(job.progress),
        outcome=dict(job.outcome),
    )  # fmt: skip
