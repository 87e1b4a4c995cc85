"""Who looks at the page: a cookie without content, the API key behind it in memory, and tokens against forged forms."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from facewarden.service.pages.paths import ROOT
from facewarden.service.problems import Problem

COOKIE = "facewarden_page"
_HOURS, _MOST = 12, 10_000
_SAME = ("same-origin", "none")
"""What a browser says of a form that was sent from the page itself, or of an address that was typed."""


@dataclass
class _Session:
    key: str
    ends: float


class Sessions:
    """API keys of readers who signed in, in memory: a restart of the service signs everybody out."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._held: dict[str, _Session] = {}

    def sign_in(self, key: str) -> str:
        """Remember a key that the service accepted, and return the new content of the cookie."""
        now = time.monotonic()
        self._held = {name: one for name, one in self._held.items() if one.ends > now}
        while len(self._held) >= _MOST:
            self._held.pop(next(iter(self._held)))
        identity = secrets.token_urlsafe(32)
        self._held[identity] = _Session(key, now + _HOURS * 3600)
        return identity

    def sign_out(self, identity: str) -> None:
        """Forget the key of a cookie."""
        self._held.pop(identity, None)

    def key_of(self, identity: str) -> str | None:
        """The API key behind a cookie; None where there is none, or after twelve hours."""
        found = self._held.get(identity)
        return None if found is None or found.ends <= time.monotonic() else found.key

    def token(self, identity: str) -> str:
        """What every form of this reader carries: without the cookie, nobody can make it."""
        return hmac.new(self._secret, identity.encode(), "sha256").hexdigest()

    def check(self, request: Request, token: object) -> None:
        """Refuse a form that was not made by this page for this reader.

        Raises:
            Problem: 403.
        """
        site = request.headers.get("sec-fetch-site", "none")
        identity = request.cookies.get(COOKIE, "")
        given = token if isinstance(token, str) else ""
        if site not in _SAME or not identity or not hmac.compare_digest(self.token(identity).encode(), given.encode()):
            raise Problem(403, "forged", "this form was not sent from the page", hint="load the page again")


def identity_of(request: Request) -> str:
    """The content of the reader's cookie; a new one where there is none."""
    found = request.cookies.get(COOKIE, "")
    if 16 <= len(found) <= 100 and found.isascii():
        return found
    made: str | None = getattr(request.state, "page_identity", None)
    if made is None:
        made = request.state.page_identity = secrets.token_urlsafe(32)
    return made


def set_cookie(response: Response, request: Request, identity: str) -> None:
    """Give the reader a cookie that scripts cannot read and that no other site can make the browser send."""
    response.set_cookie(
        COOKIE, identity, path=ROOT, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
