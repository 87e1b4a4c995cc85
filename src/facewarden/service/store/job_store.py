"""Jobs in the database: accepted, claimed by one server at a time, and taken over when that server is gone."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Engine, delete, func, insert, select, update

from facewarden.service.store.database import jobs

State = Literal["queued", "running", "done", "failed", "canceled"]
ENDED: tuple[State, ...] = ("done", "failed", "canceled")


@dataclass(frozen=True)
class Job:
    """One job as the store has it.

    Attributes:
        id: 32 hexadecimal digits.
        kind: what is done, such as audit.
        request: what was asked for.
        state: queued, running, done, failed or canceled.
        created, started, ended: seconds since 1970.
        tries: how often it was started; more than once where a server was stopped or killed meanwhile.
        cancel: whether somebody asked for its end.
        progress: label, done, total and unit of what is done now.
        outcome: how it ended: `error` and `hint`, or what the job itself tells.
        by: public part of the key that submitted it, empty without keys.
    """

    id: str
    kind: str
    request: Mapping[str, Any]
    state: State
    created: float
    started: float | None
    ended: float | None
    tries: int
    cancel: bool
    progress: Mapping[str, Any]
    outcome: Mapping[str, Any]
    by: str


def new_identity() -> str:
    """An id that no other job has."""
    return uuid.uuid4().hex


class JobStore:
    """Accepts jobs and tells who works on which.

    Args:
        engine: of the database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def submit(
        self,
        kind: str,
        request: Mapping[str, Any],
        *,
        by: str = "",
        waiting: int | None = None,
        identity: str | None = None,
    ) -> Job | None:
        """Accept a job; once this returns it is on the disk.

        Args:
            kind: what is to be done.
            request: JSON values.
            by: public part of a key.
            waiting: largest number of queued jobs; None where there is none.
            identity: of the job, of `new_identity`, where it was told somewhere already.

        Returns:
            The job, or None where too many wait.
        """
        identity = identity or new_identity()
        with self._engine.begin() as connection:
            queued = connection.execute(select(func.count()).where(jobs.c.state == "queued")).scalar_one()
            if waiting is not None and queued >= waiting:
                return None
            connection.execute(
                insert(jobs).values(
                    id=identity, kind=kind, request=json.dumps(dict(request)), state="queued", created=time.time(),
                    by=by,
                )
            )  # fmt: skip
        return self.get(identity)

    def get(self, identity: str) -> Job | None:
        """One job; None where there is none of this id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == identity)).mappings().first()
        return None if row is None else _job(dict(row))

    def latest(self, *, kind: str | None = None, most: int = 100) -> list[Job]:
        """Jobs, the newest first.

        Args:
            kind: only of this kind.
            most: how many.
        """
        asked = select(jobs).order_by(jobs.c.created.desc()).limit(most)
        if kind is not None:
            asked = asked.where(jobs.c.kind == kind)
        with self._engine.connect() as connection:
            return [_job(dict(row)) for row in connection.execute(asked).mappings()]

    def counts(self) -> dict[str, int]:
        """State -> how many jobs are in it."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
            return {state: int(count) for state, count in rows}

    def claim(self, owner: str, *, lease: int | float) -> Job | None:
        """Take the oldest queued job, for this server alone.

        Args:
            owner: name of the server.
            lease: seconds until others may take it over.
        """
        oldest = select(jobs.c.id).where(jobs.c.state == "queued").order_by(jobs.c.created).limit(1).scalar_subquery()
        now = time.time()
        taken = (
            update(jobs)
            .where(jobs.c.id == oldest, jobs.c.state == "queued")
            .values(state="running", owner=owner, lease=now + lease, started=now, tries=jobs.c.tries + 1)
            .returning(jobs.c.id)
        )
        with self._engine.begin() as connection:
            identity = connection.execute(taken).scalar()
        return None if identity is None else self.get(identity)

    def renew(
        self, job: Job, owner: str, *, lease: int | float, progress: Mapping[str, Any] | None = None
    ) -> tuple[bool, bool]:
        """Say that this server still works on a job.

        Args:
            job: as `claim` gave it. Where its lease was over and it was claimed once more, also by this server, that
                is another one.
            owner: name of the server.
            lease: seconds until others may take it over.
            progress: of its work; None where it has not changed.

        Returns:
            Whether it is still this server's, and whether somebody asked for its end.
        """
        values: dict[str, Any] = {"lease": time.time() + lease}
        if progress is not None:
            values["progress"] = json.dumps(dict(progress))
        with self._engine.begin() as connection:
            found = connection.execute(
                update(jobs).where(*_held(job, owner)).values(**values).returning(jobs.c.cancel)
            ).scalar()
        return found is not None, bool(found)

    def finish(self, job: Job, owner: str, state: State, outcome: Mapping[str, Any]) -> bool:
        """Say how a job ended; False where it is no longer this server's, as of `renew`."""
        ended = {"state": state, "outcome": json.dumps(dict(outcome)), "ended": time.time(), "lease": None}
        with self._engine.begin() as connection:
            return connection.execute(update(jobs).where(*_held(job, owner)).values(**ended)).rowcount > 0

    def give_back(self, *, owner: str | None = None, working: Iterable[str] = ()) -> int:
        """Queue running jobs again: those of a server that stops or was killed, or all whose lease is over.

        Args:
            owner: the server; None for those whose lease is over.
            working: ids of jobs that whoever calls works on: a machine that slept, or a database that was away, is no
                reason to begin them again.
        """
        whose = jobs.c.lease < time.time() if owner is None else jobs.c.owner == owner
        others = jobs.c.id.not_in(list(working))
        back = (
            update(jobs).where(jobs.c.state == "running", whose, others).values(state="queued", owner=None, lease=None)
        )
        with self._engine.begin() as connection:
            return connection.execute(back).rowcount

    def cancel(self, identity: str) -> Job | None:
        """End a queued job at once, and ask for the end of one that runs; what has ended stays as it is."""
        with self._engine.begin() as connection:
            connection.execute(
                update(jobs)
                .where(jobs.c.id == identity, jobs.c.state == "queued")
                .values(state="canceled", ended=time.time(), cancel=1)
            )
            connection.execute(update(jobs).where(jobs.c.id == identity, jobs.c.state == "running").values(cancel=1))
        return self.get(identity)

    def remove(self, identity: str) -> bool:
        """Forget a job that has ended; False where it has not, or is not there."""
        gone = delete(jobs).where(jobs.c.id == identity, jobs.c.state.in_(ENDED))
        with self._engine.begin() as connection:
            return connection.execute(gone).rowcount > 0


def _held(job: Job, owner: str) -> tuple[ColumnElement[bool], ...]:
    """Whether a row is a job as it was claimed: `tries` counts the claims."""
    return (jobs.c.id == job.id, jobs.c.owner == owner, jobs.c.state == "running", jobs.c.tries == job.tries)


def _job(row: Mapping[str, Any]) -> Job:
    values = {name: row[name] for name in Job.__dataclass_fields__}
    for name in ("request", "progress", "outcome"):
        values[name] = json.loads(values[name])
    return Job(**{**values, "cancel": bool(values["cancel"])})
