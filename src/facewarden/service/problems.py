"""What the service answers when it refuses: one form of JSON, with the next thing to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


class Problem(Exception):
    """A refusal with its status.

    Args:
        status: of HTTP, 4xx, or 503 while the service stops or waits for its database.
        code: one word for programs.
        message: one sentence for people; it holds no name of a photo and no pixels.
        hint: the next thing to do.
        retry_after: seconds after which the same request may be sent again.
    """

    def __init__(self, status: int, code: str, message: str, *, hint: str = "", retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.retry_after = retry_after

    def response(self) -> Response:
        """The answer that tells it."""
        headers = {"Cache-Control": "no-store"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        told = {"error": self.code, "message": self.message, "hint": self.hint}
        return json_response(told, status=self.status, headers=headers)


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON; whatever characters a text holds, it can be sent."""
    body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
    return Response(body, status, dict(headers or {}), media_type="application/json")
