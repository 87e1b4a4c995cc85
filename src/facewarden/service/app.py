"""The application: `create_app` makes it of settings, with every route, its limits and its description."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from facewarden.core.identity.version import __version__
from facewarden.service.access.hosts import KnownHosts
from facewarden.service.bounds import SCOPE_OF, Bounds
from facewarden.service.logs import open_log
from facewarden.service.pages.router import add_pages
from facewarden.service.problems import Problem, json_response
from facewarden.service.routes import about, audits, faces, score
from facewarden.service.settings import LOCAL_NAMES, ServiceSettings
from facewarden.service.state import Service

_ABOUT = "Presentation attack detection, purification and comparison of faces, and audits of a detector."


def create_app(settings: ServiceSettings, *, log: Any = None) -> FastAPI:
    """Make the service: models are loaded and the database is opened before this returns.

    Args:
        settings: what it serves.
        log: a structured log; lines of JSON on standard error when left out.

    Raises:
        FacewardenError: something in the settings cannot be used.
    """
    service = Service(settings, log=open_log() if log is None else log)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="facewarden", version=__version__, description=_ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.service = service
    for part in (about, score, faces, audits):
        app.include_router(part.router)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    # without keys a page of a browser must not reach the service under a name of its own
    hosts = [*LOCAL_NAMES, settings.host, *settings.hosts] if settings.local or settings.hosts else ["*"]
    app.add_middleware(KnownHosts, names=hosts)
    app.add_middleware(Bounds, service=service)
    add_pages(app)
    app.openapi = partial(_described, app, service)  # type: ignore[method-assign]
    return app


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    request.app.state.service.metrics.refused.labels(error.code).inc()
    return error.response()


async def _invalid(_: Request, error: Exception) -> Response:
    """What is wrong and where, without the values: they are pixels and names."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part)[:80] for part in first["loc"])
    told = Problem(422, "request", f"{place}: {first['msg'][:200]}", hint="see /openapi.json")
    return told.response()


async def _plain(_: Request, error: Exception) -> Response:
    """Refusals of the framework in our form: no such path, another method, a body that is no JSON."""
    assert isinstance(error, HTTPException)
    told = {"error": "http", "message": str(error.detail)[:200], "hint": "see /openapi.json"}
    return json_response(told, status=error.status_code, headers=error.headers)


def _described(app: FastAPI, service: Service) -> dict[str, Any]:
    """OpenAPI with the limits of this service, keys and refusals."""
    if app.openapi_schema:
        return app.openapi_schema
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = made["components"]["schemas"]
    most = service.settings.limits.samples
    for name, field, count in (("ScoreRequest", "samples", most), ("PhotosRequest", "samples", most),
                               ("VerifyRequest", "pairs", max(most // 2, 1))):  # fmt: skip
        schemas[name]["properties"][field]["maxItems"] = count
    made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "fw_..."}}
    refers = {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}
    refusal = {"description": "Refused", "content": {"application/json": refers}}
    for path, methods in made["paths"].items():
        guarded = any(path == start or path.startswith(f"{start}/") for start, _ in SCOPE_OF)
        for method, about_it in methods.items():
            answers = about_it["responses"]
            if guarded:
                about_it["security"] = [{}, {"key": []}]
                for code in ("401", "403", "429"):
                    answers.setdefault(code, refusal)
            if method == "post":
                for code in ("400", "408", "413", "415", "503"):
                    answers.setdefault(code, refusal)
            if "422" in answers:
                answers["422"] = refusal
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    app.openapi_schema = made
    return made
