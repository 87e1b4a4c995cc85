"""What routes on photos share: counting samples, limits on a request, keeping photos, and the log of actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.requests import Request

from facewarden.service.access.gate import Caller
from facewarden.service.models.pictures import NoPicture, decoded, pixels_of
from facewarden.service.problems import Problem
from facewarden.service.state import Service


def caller_of(request: Request) -> Caller:
    """Who sent a request."""
    found: Caller = request.scope["state"]["caller"]
    return found


@contextmanager
def accepted(service: Service, request: Request, count: int, *, action: str) -> Iterator[None]:
    """Take in some samples: refused where they are too many or there is no room, and written to the log of actions.

    Raises:
        Problem: 413 or 429.
    """
    most = service.settings.limits.samples
    if count > most:
        raise Problem(413, "samples", f"{count} samples, at most {most} in a request", hint="several requests")
    with service.room.take(count):
        service.actions.add(action, by=caller_of(request).key, samples=count)
        yield


async def bytes_of(service: Service, texts: Sequence[str | None]) -> list[bytes | NoPicture | None]:
    """Decode the base64 texts of a request, and check how many pixels they hold together.

    Returns:
        For each text its bytes, why there are none, or None where there is no text.

    Raises:
        Problem: 413, too many pixels.
    """
    return await service.models.read(lambda: _bytes_of(service, texts))


def _bytes_of(service: Service, texts: Sequence[str | None]) -> list[bytes | NoPicture | None]:
    found: list[bytes | NoPicture | None] = []
    pixels, most = 0, service.settings.limits.pixels
    for text in texts:
        try:
            data = None if text is None else decoded(text)
        except NoPicture as reason:
            found.append(reason)
            continue
        found.append(data)
        if data is not None:
            pixels += pixels_of(data)
            if pixels > most:
                raise Problem(413, "pixels", f"more than {most:,} pixels together", hint="smaller or fewer pictures")
    if service.kept is not None:
        for one in found:
            if isinstance(one, bytes):
                service.kept.add(one)
    return found


def counted(service: Service, route: str, missing: Sequence[str]) -> None:
    """Count answered samples.

    Args:
        service: whose metrics.
        route: of the request.
        missing: for each sample why it has no result, empty where it has one.
    """
    service.metrics.samples.labels(route).inc(len(missing))
    service.metrics.no_response.labels(route).inc(sum(map(bool, missing)))
