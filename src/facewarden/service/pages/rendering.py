"""Templates and headers: every text is escaped, and a browser runs only the scripts of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from facewarden.core.guards.text import one_line
from facewarden.core.identity.version import __version__
from facewarden.reporting.html import cell_text
from facewarden.service.pages.paths import ROOT, SIGN_IN, STATIC
from facewarden.service.pages.sessions import COOKIE, Sessions, identity_of, set_cookie
from facewarden.service.pages.texts import HTML_CODES, LANGUAGES, is_known, language_of, reason_text, translator

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
MENU = (("score", f"{ROOT}/score"), ("purify", f"{ROOT}/purify"), ("audits", f"{ROOT}/audits"),
        ("models", f"{ROOT}/models"))  # fmt: skip


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_finalize,
    )  # fmt: skip
    made.filters["cell"] = cell_text
    made.tests["known"] = is_known
    return made


def _finalize(value: Any) -> Any:
    """Control characters and marks that turn the direction of text show as escapes."""
    return one_line(value) if type(value) is str else value


_TEMPLATES = _environment()


def sessions_of(request: Request) -> Sessions:
    """The readers of this service."""
    found: Sessions = request.app.state.pages
    return found


def _again(request: Request) -> str:
    """The address of this page, to come back to it."""
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    return f"{request.url.path}{query}"


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page in the reader's language.

    Args:
        request: of the reader.
        template: name without suffix.
        status: of the answer.
        values: of the template.
    """
    language, identity = language_of(request), identity_of(request)
    text = translator(language)
    page = _TEMPLATES.get_template(f"{template}.html.jinja").render(
        t=text, reason=lambda told: reason_text(text, told), language=language, html_language=HTML_CODES[language],
        languages=LANGUAGES, menu=MENU, static=STATIC, root=ROOT, sign_in=SIGN_IN, version=__version__,
        token=sessions_of(request).token(identity), signed_in=sessions_of(request).key_of(identity) is not None,
        here=request.url.path, there=_again(request), **values,
    )  # fmt: skip
    answer = HTMLResponse(page, status, headers=HEADERS)
    if request.cookies.get(COOKIE) != identity:
        set_cookie(answer, request, identity)
    return answer
