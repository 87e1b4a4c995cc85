"""Audits on the page: start one, follow it, open its report, and compare two."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from facewarden.core.errors import FacewardenError
from facewarden.reporting.changes import changes_between
from facewarden.reporting.changes_tables import changes_tables
from facewarden.reporting.codec import read_report
from facewarden.reporting.document import SECTIONS, Report
from facewarden.service.pages.access import needs
from facewarden.service.pages.forms import form_of, text_of
from facewarden.service.pages.paths import ROOT
from facewarden.service.pages.rendering import render
from facewarden.service.problems import Problem
from facewarden.service.routes import audits as wire
from facewarden.service.state import Service, service_of
from facewarden.service.wire.audits import AuditRequestOnWire, JobAnswer

router = APIRouter(prefix=f"{ROOT}/audits", include_in_schema=False, dependencies=[Depends(needs("audit"))])
PRESETS = ("quick", "standard", "thorough")
_FIELDS = ("detector", "preset", "policy", "seed", "captures", "faces", "fail_on")
ENDED = ("done", "failed", "canceled")
_MOST = 100
"""Audits that the page lists."""


@router.get("")
async def listed(request: Request) -> Response:
    """List audits, with the form that starts one and the form that compares two."""
    return await _list(request)


@router.post("")
async def start(request: Request) -> Response:
    """Start an audit and show it; a wrong field is named beside the form, whose other fields stay as they were."""
    form = await form_of(request)
    given = {name: text for name in _FIELDS if (text := text_of(form, name))}
    try:
        asked = AuditRequestOnWire.model_validate({**given, "seed": _number(given.get("seed", "0"))})
        answer = await wire.submit(asked, request)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        return await _list(request, status=422, given=given, wrong=f"{where}: {error.errors()[0]['msg']}")
    except Problem as problem:
        if problem.status not in (400, 404):
            raise
        told = f"{problem.message}. {problem.hint}" if problem.hint else problem.message
        return await _list(request, status=problem.status, given=given, wrong=told)
    identity = answer.headers["location"].rpartition("/")[2]
    return RedirectResponse(f"{ROOT}/audits/{identity}", 303)


@router.get("/compare")
async def compare(request: Request, first: str = "", second: str = "") -> Response:
    """Show what changed between the reports of two audits."""
    service = service_of(request)
    old, new = [await _report(service, identity) for identity in (first, second)]
    changes = await asyncio.to_thread(changes_between, old, new)
    return render(
        request, "compare", first=first, second=second, old=old, new=new, sections=SECTIONS, moment=_moment,
        tables=changes_tables(changes),
        grades=[(name, one.grade, two.grade)
                for name, one, two in zip(SECTIONS, old.sections, new.sections, strict=True)],
    )  # fmt: skip


@router.get("/{identity}")
async def one(identity: str, request: Request) -> Response:
    """Show how far an audit is."""
    return render(request, "audit", **_shown(await wire.one(identity, request)))


@router.get("/{identity}/state")
async def state(identity: str, request: Request) -> Response:
    """The part of that page that changes."""
    return render(request, "audit_state", **_shown(await wire.one(identity, request)))


@router.get("/{identity}/report")
async def report(identity: str, request: Request) -> Response:
    """The report itself; its headers let no script of it see this page."""
    return await wire.report(identity, request, form="html")


@router.post("/{identity}/cancel")
async def cancel(identity: str, request: Request) -> Response:
    """End an audit, and show it."""
    await form_of(request)
    await wire.cancel(identity, request)
    return RedirectResponse(f"{ROOT}/audits/{identity}", 303)


@router.post("/{identity}/remove")
async def remove(identity: str, request: Request) -> Response:
    """Remove an audit that has ended, and show the others."""
    await form_of(request)
    await wire.remove(identity, request)
    return RedirectResponse(f"{ROOT}/audits", 303)


async def _list(
    request: Request, *, status: int = 200, given: dict[str, str] | None = None, wrong: str = ""
) -> Response:
    service = service_of(request)
    found = (await wire.listed(request, most=_MOST)).audits
    settings = service.settings
    return render(
        request, "audits", status=status, audits=[_shown(job) for job in found], wrong=wrong,
        given={"preset": "quick", "policy": "eer", "seed": "0"} | (given or {}),
        done=[_shown(job) for job in found if job.state == "done"], detectors=list(service.models.detectors),
        presets=PRESETS, most=_MOST, captures=sorted(settings.captures), faces=sorted(settings.faces),
    )  # fmt: skip


async def _report(service: Service, identity: str) -> Report:
    job = await wire.job_of(service, identity)
    try:
        return (await asyncio.to_thread(read_report, service.audits / job.id / "run"))[0]
    except FacewardenError as error:
        raise Problem(409, "report", f"the audit is {job.state}: it has no report", hint="") from error


def _shown(job: JobAnswer) -> dict[str, Any]:
    """A job as templates show it."""
    progress = job.progress
    total, done = progress.get("total"), progress.get("done")
    share = None
    if isinstance(total, int | float) and isinstance(done, int | float) and total > 0:
        share = min(done / total, 1.0)
    gate = job.outcome.get("gate")
    return {
        "job": job, "created": _moment(job.created), "ended": job.state in ENDED,
        "label": str(progress.get("label", "")), "share": share,
        "count": f"{done} / {total} {progress.get('unit', '')}".strip() if share is not None else "",
        "grades": dict(job.outcome.get("grades") or {}), "gate": gate,
        "seconds": None if job.started is None or job.ended is None else round(job.ended - job.started),
    }  # fmt: skip


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else text
