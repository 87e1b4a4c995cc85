"""Revoke an API key of the service."""

from __future__ import annotations

from typing import Annotated

from facewarden.cli.parts.kinds import Folder
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.service import key_store


def revoke(
    key: Annotated[str, "NAME|ID"],
    /,
    *,
    data: Folder | None = None,
    database: Annotated[str, "URL"] | None = None,
) -> Outcome:
    """Revoke an API key of the service; a service that runs refuses it after two seconds at the latest.

    Args:
        key: its name or its id, as facewarden keys list shows them.
        data: folder of the service, runs/service by default.
        database: its database, where that is not in the folder.
    """
    gone = key_store(data, database).revoke(key)
    return Outcome({"id": gone.id, "name": gone.name}, [f"revoked {gone.id} {gone.name}"])


entry = revoke
