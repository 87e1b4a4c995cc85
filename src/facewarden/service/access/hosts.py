"""Refuses requests that were sent to another name than those of this server."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facewarden.service.problems import Problem


class KnownHosts:
    """Lets in what the header Host says of a known name; a page of a browser cannot reach the service otherwise.

    Args:
        app: what is inside.
        names: of the server; `*.example` takes every name below, `*` all.
    """

    def __init__(self, app: ASGIApp, *, names: Sequence[str]) -> None:
        self._app = app
        self._names = tuple(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not await self._known(scope, receive):
            told = "the header Host names another server"
            raise Problem(400, "host", told, hint='"hosts" in the settings of the service names this one')
        await self._app(scope, receive, send)

    async def _known(self, scope: Scope, receive: Receive) -> bool:
        reached = False

        async def inside(*_: object) -> None:
            nonlocal reached
            reached = True

        async def unsent(_: Message) -> None:
            """Its refusal is plain text; ours has the form of all others."""

        await TrustedHostMiddleware(inside, allowed_hosts=self._names, www_redirect=False)(scope, receive, unsent)
        return reached
