"""What every request passes first: its key, how many are answered at once, the size of its body, and its time."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facewarden.service.access.gate import Caller
from facewarden.service.logs import where_of
from facewarden.service.problems import Problem
from facewarden.service.state import Service
from facewarden.service.store.database import STORAGE

SCOPE_OF = (
    ("/v1/score", "score"),
    ("/v1/cloak-likelihood", "score"),
    ("/v1/purify", "purify"),
    ("/v1/verify", "verify"),
    ("/v1/audits", "audit"),
    ("/v1/models", None),
    ("/metrics", "metrics"),
)
"""Beginning of a path -> what a key must allow; what is not listed here looks after itself or is open."""
_WITH_BODY = ("POST", "PUT", "PATCH")
_JSON = b"application/json"


@dataclass
class _Seen:
    """What is logged of one request."""

    status: int = 0
    size: int = 0
    caller: Caller = field(default_factory=Caller)
    began: float = field(default_factory=time.monotonic)


class Bounds:
    """The outermost layer: refuses before a body is read, limits what is read, and logs what came of it.

    Args:
        app: what is inside.
        service: its settings, gate, metrics and log.
    """

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app = app
        self._service = service
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen()
        identity = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = identity

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", identity.encode())]
            await send(message)

        try:
            await self._answer(scope, receive, sending, seen)
        except Problem as problem:
            self._service.metrics.refused.labels(problem.code).inc()
            if seen.status == 0:
                await problem.response()(scope, receive, sending)
        except STORAGE as error:
            self._service.log.error("request.storage", request=identity, **where_of(error))
            self._service.metrics.refused.labels("storage").inc()
            if seen.status == 0:
                await _no_storage(identity).response()(scope, receive, sending)
        except Exception as error:
            self._service.log.error("request.defect", request=identity, **where_of(error))
            if seen.status == 0:
                told = Problem(500, "defect", "this is a defect of facewarden", hint=f"look for {identity} in the log")
                await told.response()(scope, receive, sending)
        finally:
            self._told(scope, seen, identity)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, seen: _Seen) -> None:
        path, headers = scope["path"], dict(scope["headers"])
        needed = next(((True, what) for start, what in SCOPE_OF if _below(path, start)), None)
        if needed is not None:
            caller = await self._service.gate.caller(_bearer(headers))
            seen.caller = scope["state"]["caller"] = caller
            self._service.gate.admit(caller, needed[1])
        if scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        limits = self._service.settings.limits
        if self._service.stopping.is_set():
            raise Problem(503, "stopping", "the service stops", hint="ask again", retry_after=5)
        if self._busy >= limits.requests:
            raise Problem(
                429,
                "busy",
                f"{self._busy} requests are answered already",
                hint="wait as Retry-After says",
                retry_after=1,
            )
        if path.startswith("/v1/") and not _typed(headers):
            raise Problem(415, "type", "a body in JSON is expected", hint="Content-Type: application/json")
        self._busy += 1
        try:
            body = await self._body(headers, receive, limits.bytes, limits.seconds)
            seen.size = len(body)
            left = seen.began + limits.seconds - time.monotonic()
            try:
                async with asyncio.timeout(max(left, 0.001)):
                    await self._app(scope, _replayed(body, receive), send)
            except TimeoutError:
                raise Problem(
                    503, "time", f"no answer within {limits.seconds:g} s", hint="fewer samples", retry_after=5
                ) from None
        finally:
            self._busy -= 1

    async def _body(self, headers: dict[bytes, bytes], receive: Receive, most: int, seconds: float) -> bytes:
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit() or int(announced[:20]) > most:
            raise _too_large(most)
        whole = bytearray()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(400, "cut", "the body ends too early", hint="send it whole")
                    whole += message.get("body", b"")
                    if len(whole) > most:
                        raise _too_large(most)
                    if not message.get("more_body", False):
                        return bytes(whole)
        except TimeoutError:
            raise Problem(408, "slow", f"the body did not come within {seconds:g} s", hint="send it faster") from None

    def _told(self, scope: Scope, seen: _Seen, identity: str) -> None:
        route = getattr(scope.get("route"), "path", "none")
        seconds = time.monotonic() - seen.began
        metrics = self._service.metrics
        metrics.requests.labels(route, str(seen.status)).inc()
        metrics.seconds.labels(route).observe(seconds)
        self._service.log.info(
            "request", request=identity, method=scope["method"][:16], route=route, status=seen.status,
            ms=round(1000 * seconds, 1), bytes=seen.size, key=seen.caller.key,
        )  # fmt: skip


def _below(path: str, start: str) -> bool:
    return path == start or path.startswith(f"{start}/")


def _typed(headers: dict[bytes, bytes]) -> bool:
    """Whether a body is said to be JSON: a page elsewhere can make a browser send one that says nothing of its type."""
    without_body = headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers
    told = headers.get(b"content-type", _JSON if without_body else b"")
    return told.split(b";")[0].strip().lower() == _JSON


def _too_large(most: int) -> Problem:
    return Problem(413, "bytes", f"the body has more than {most:,} bytes", hint="fewer or smaller pictures")


def _no_storage(identity: str) -> Problem:
    told = "the database or the disk of the service does not take or give anything now"
    return Problem(503, "storage", told, hint=f"ask again; {identity} in the log says what it is", retry_after=5)


def _bearer(headers: dict[bytes, bytes]) -> str | None:
    kind, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return key.strip() if kind.lower() == "bearer" else None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read, and then whatever the connection tells."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
