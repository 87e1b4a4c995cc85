"""What commands of the service share: the extra that it needs, and where its keys are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from facewarden.core.errors import BadInputError

if TYPE_CHECKING:
    from facewarden.service.store.key_store import KeyStore

_PARTS = ("fastapi", "uvicorn", "starlette", "sse_starlette", "prometheus_client", "structlog", "limits", "sqlalchemy")


@contextmanager
def needs_extra() -> Iterator[None]:
    """Import parts of the service inside the block.

    Raises:
        BadInputError: the extra is not installed.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _PARTS:
            raise
        raise BadInputError(
            f"the service needs {error.name}, which is not installed", hint="pip install 'facewarden[serve]'"
        ) from error


def key_store(data: Path | None, database: str | None) -> KeyStore:
    """The keys of a service, by its folder or its database.

    Raises:
        BadInputError: the extra or the database is not there.
    """
    with needs_extra():
        from facewarden.service.settings import ServiceSettings
        from facewarden.service.store.database import open_database
        from facewarden.service.store.key_store import KeyStore

    usual = ServiceSettings()
    settings = ServiceSettings(data=data or usual.data, database=database or "")
    return KeyStore(open_database(settings.database_url))
