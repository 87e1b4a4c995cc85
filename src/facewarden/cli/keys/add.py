"""Add an API key of the service."""

from __future__ import annotations

from typing import Annotated, Literal

from facewarden.cli.parts.kinds import Folder, Name
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.service import key_store


def add(
    name: Name,
    /,
    *,
    scope: tuple[Literal["score", "purify", "verify", "audit", "metrics"], ...] = ("score",),
    rate: Annotated[str, "N/UNIT"] = "",
    days: float | None = None,
    data: Folder | None = None,
    database: Annotated[str, "URL"] | None = None,
) -> Outcome:
    """Add an API key of the service and show it this one time; only a hash of it is kept.

    Args:
        name: whose it is.
        scope: what it allows; score also tells cloak likelihoods.
        rate: requests, such as 60/minute; left out, the rate of the service.
        days: until it expires; left out, never.
        data: folder of the service, runs/service by default.
        database: its database, where that is not in the folder.
    """
    key, text = key_store(data, database).add(name, scopes=scope, rate=rate, days=days)
    told = {"id": key.id, "name": key.name, "key": text, "scopes": list(key.scopes), "expires": key.expires}
    return Outcome(told, [text], problems=["this is the only time that the key is shown"])


entry = add
