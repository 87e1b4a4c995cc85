"""Who may see a part of the page: the same keys and scopes as of the endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from facewarden.service.pages.rendering import sessions_of
from facewarden.service.pages.sessions import identity_of
from facewarden.service.state import service_of


def needs(scope: str | None) -> Callable[[Request], Awaitable[None]]:
    """A dependency of routes: lets a reader in whose key has a scope, or anybody where the service has no keys.

    Args:
        scope: as of API keys; None for every key.
    """

    async def admit(request: Request) -> None:
        service = service_of(request)
        caller = await service.gate.caller(sessions_of(request).key_of(identity_of(request)))
        service.gate.admit(caller, scope)
        request.scope["state"]["caller"] = caller

    return admit
