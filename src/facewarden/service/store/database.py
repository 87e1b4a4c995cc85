"""The database of a service: tables by SQLAlchemy Core, the same for SQLite (WAL) and PostgreSQL."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from facewarden.core.errors import BadInputError

STORAGE = (OperationalError, InterfaceError, PoolTimeout, OSError)
"""What a database or a disk raises that is away, busy or full: no defect, and over some time later."""
TABLES = MetaData()
VERSION = 1
"""Of the tables; a database of another version is refused."""

about = Table("facewarden_about", TABLES, Column("version", Integer, primary_key=True))

keys = Table(
    "facewarden_keys",
    TABLES,
    Column("id", String(16), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("rate", String(100), nullable=False, default=""),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("revoked", Float),
)

jobs = Table(
    "facewarden_jobs",
    TABLES,
    Column("id", String(32), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("request", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("ended", Float),
    Column("owner", String(100)),
    Column("lease", Float),
    Column("tries", Integer, nullable=False, default=0),
    Column("cancel", Integer, nullable=False, default=0),
    Column("progress", Text, nullable=False, default="{}"),
    Column("outcome", Text, nullable=False, default="{}"),
    Column("by", String(16), nullable=False, default=""),
    Index("facewarden_jobs_by_state", "state", "created"),
)


def open_database(url: str) -> Engine:
    """Connect to a database and make the tables that are not there yet.

    Args:
        url: of SQLAlchemy: sqlite:///FILE or postgresql+psycopg://...

    Raises:
        BadInputError: no such database, or one of another version.
    """
    try:
        engine = _engine(url)
    except (ArgumentError, NoSuchModuleError, OSError, ImportError) as error:
        raise _no_database(url, error) from error
    try:
        found = _version(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise _no_database(url, error) from error
    if found != VERSION:
        engine.dispose()
        raise BadInputError(
            f"{_shown(url)}: tables of version {found}, this release has {VERSION}", hint="another database"
        )
    return engine


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if kind != "sqlite":
        raise BadInputError(f"{_shown(url)}: neither SQLite nor PostgreSQL", hint="postgresql://USER@HOST/NAME")
    if parsed.database in (None, "", ":memory:") or parsed.query.get("mode") == "memory":
        raise BadInputError(
            f"{_shown(url)}: in memory: threads would not share it, and accepted audits would be lost",
            hint="sqlite:////FOLDER/service.db, or --data FOLDER",
        )
    assert parsed.database is not None
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 30})
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _version(engine: Engine) -> int:
    """Make the tables that are not there yet; the version of those that are."""
    with suppress(IntegrityError, ProgrammingError, OperationalError):  # another server makes them at the same moment
        TABLES.create_all(engine)
        with engine.begin() as connection:
            if connection.execute(select(about.c.version)).scalar() is None:
                connection.execute(insert(about).values(version=VERSION))
    with engine.connect() as connection:
        return int(connection.execute(select(about.c.version)).scalar_one())


def _no_database(url: str, error: Exception) -> BadInputError:
    told = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return BadInputError(f"{_shown(url)}: no database: {told[:200]}", hint="--database URL, or --data FOLDER")


def _set_up_sqlite(connection: Any, _: Any) -> None:
    """Readers beside one writer, and no accepted job is lost when the power fails."""
    cursor = connection.cursor()
    for line in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {line}")
    cursor.close()


def _shown(url: str) -> str:
    """The URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "the database's URL"
