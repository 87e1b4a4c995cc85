"""The page as a whole: its routes, its files, signing in, and refusals that a person can read."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facewarden.service.pages import audits, photos
from facewarden.service.pages.access import needs
from facewarden.service.pages.forms import form_of, text_of
from facewarden.service.pages.paths import ROOT, SIGN_IN, STATIC
from facewarden.service.pages.rendering import HEADERS, render, sessions_of
from facewarden.service.pages.sessions import Sessions, identity_of, set_cookie
from facewarden.service.pages.texts import COOKIE, LANGUAGES
from facewarden.service.problems import Problem
from facewarden.service.routes.about import models as served_models
from facewarden.service.state import service_of

router = APIRouter(include_in_schema=False)
_FILES = Path(__file__).with_name("static")
_YEAR = 365 * 24 * 3600


def add_pages(app: FastAPI) -> None:
    """Add the page to a service; call it after every other layer, since it shows their refusals.

    Args:
        app: of the service.
    """
    app.state.pages = Sessions()
    app.mount(STATIC, _Files(directory=_FILES), name="page files")
    for part in (router, photos.router, audits.router):
        app.include_router(part)
    app.add_middleware(ReadableRefusals, app=app)


@router.get("/")
@router.get(ROOT)
async def home() -> Response:
    """Lead to the first page."""
    return RedirectResponse(f"{ROOT}/score", 307)


@router.get(f"{ROOT}/models", dependencies=[Depends(needs(None))])
async def models(request: Request) -> Response:
    """Show what is served, with licences."""
    return render(request, "models", answer=await served_models(request))


@router.get(SIGN_IN)
async def sign_in_form(request: Request, to: str = "") -> Response:
    """Ask for an API key."""
    return render(request, "sign_in", to=_inside(to), wrong="")


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Take an API key and remember it behind a new cookie."""
    form = await form_of(request)
    key, to = text_of(form, "key"), _inside(text_of(form, "to"))
    service = service_of(request)
    try:
        caller = await service.gate.caller(key)
        service.gate.admit(caller, None)
    except Problem as problem:
        if problem.status != 401:
            raise
        return render(request, "sign_in", status=401, to=to, wrong=problem.code)
    service.actions.add("page.sign_in", by=caller.key)
    answer = RedirectResponse(to, 303)
    set_cookie(answer, request, sessions_of(request).sign_in(key))
    return answer


@router.post(f"{ROOT}/sign-out")
async def sign_out(request: Request) -> Response:
    """Forget the key of this reader."""
    await form_of(request)
    sessions_of(request).sign_out(identity_of(request))
    return RedirectResponse(SIGN_IN, 303)


@router.post(f"{ROOT}/language")
async def language(request: Request) -> Response:
    """Remember the language that a reader chose."""
    form = await form_of(request)
    answer = RedirectResponse(_inside(text_of(form, "to")), 303)
    code = text_of(form, "language")
    if code in LANGUAGES:
        answer.set_cookie(COOKIE, code, max_age=_YEAR, path=ROOT, httponly=True, samesite="strict",
                          secure=request.url.scheme == "https")  # fmt: skip
    return answer


def _to_sign_in(request: Request) -> Response:
    """Lead to the form for a key, and from there back to the page that asked; also where a part of it asked."""
    part = "hx-request" in request.headers
    to = urlsplit(request.headers.get("hx-current-url", "")).path if part else request.url.path
    address = f"{SIGN_IN}?to={quote(_inside(to if request.method == 'GET' else ''))}"
    # a script would follow a redirect and put the form into the part
    return Response(headers={**HEADERS, "HX-Redirect": address}) if part else RedirectResponse(address, 303)


def _inside(address: str) -> str:
    """An address of the page itself; no other one is followed."""
    plain = address.startswith(f"{ROOT}/") and address.isascii() and "\\" not in address and "//" not in address
    return address if plain and address.isprintable() and len(address) < 300 else f"{ROOT}/score"


class _Files(StaticFiles):
    """The files of the page; they hold nothing of anybody, so that everybody may load them."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """A file with the headers of the page."""
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        for name, value in HEADERS.items():
            answer.headers[name] = "public, max-age=3600" if name == "Cache-Control" else value
        return answer


class ReadableRefusals:
    """The outermost layer: a refusal in JSON becomes a page, and a missing key leads to the form for one.

    Args:
        inner: what is inside.
        app: of the service, for templates.
    """

    def __init__(self, inner: ASGIApp, *, app: FastAPI) -> None:
        self._inner = inner
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        ours = scope["type"] == "http" and (path == ROOT or path.startswith(f"{ROOT}/"))
        if not ours:
            await self._inner(scope, receive, send)
            return
        refused: Message | None = None
        body = bytearray()

        async def sending(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 400:
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if kind.startswith("application/json"):
                    refused = message
                    return
            if refused is None:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                await self._shown(scope, refused, bytes(body))(scope, receive, send)

        await self._inner(scope, receive, sending)

    def _shown(self, scope: Scope, refused: Message, body: bytes) -> Response:
        request = Request({**scope, "app": self._app})
        told = json.loads(body)
        if refused["status"] == 401 and scope["path"] != SIGN_IN:
            return _to_sign_in(request)
        answer = render(request, "refused", status=refused["status"], told=told)
        for name in ("retry-after", "x-request-id"):
            value = Headers(raw=refused["headers"]).get(name)
            if value is not None:
                answer.headers[name] = value
        return answer
