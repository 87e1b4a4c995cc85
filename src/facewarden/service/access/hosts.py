"""Refuses requests that were sent to another name than those of this server."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facewarden.service.problems import Problem

_KNOWN = "facewarden.known_host"


class KnownHosts:
    """Lets in what the header Host says of a known name; a page of a browser cannot reach the service otherwise.

    Args:
        app: what is inside.
        names: of the server; `*.example` takes every name below, `*` all.
    """

    def __init__(self, app: ASGIApp, *, names: Sequence[str]) -> None:
        self._app = app
        self._check = TrustedHostMiddleware(_mark, allowed_hosts=names, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._check(scope, receive, _unsent)
            if _KNOWN not in scope:
                told = "the header Host names another server"
                raise Problem(400, "host", told, hint='"hosts" in the settings of the service names this one')
        await self._app(scope, receive, send)


async def _mark(scope: Scope, _receive: Receive, _send: Send) -> None:
    scope[_KNOWN] = True


async def _unsent(_: Message) -> None:
    """The refusal of the check is plain text; ours has the form of all others."""
