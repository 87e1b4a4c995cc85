"""List the API keys of the service, without their secrets."""

from __future__ import annotations

import time
from typing import Annotated, Any

from facewarden.cli.parts.kinds import Folder
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.service import key_store


def list_(*, data: Folder | None = None, database: Annotated[str, "URL"] | None = None) -> Outcome:
    """List the API keys of the service, without their secrets.

    Args:
        data: folder of the service, runs/service by default.
        database: its database, where that is not in the folder.
    """
    rows: list[dict[str, Any]] = []
    for key in key_store(data, database).all():
        state = "revoked" if key.revoked is not None else "in use" if key.valid(time.time()) else "expired"
        rows.append(
            {
                "id": key.id, "name": key.name, "state": state, "scopes": [*key.scopes], "rate": key.rate,
                "created": key.created, "expires": key.expires, "revoked": key.revoked,
            }
        )  # fmt: skip
    lines = [f"{row['id']}  {row['state']:<8}  {' '.join(row['scopes'])}  {row['name']}" for row in rows]
    return Outcome(rows, lines or ["no keys"])


entry = list_
