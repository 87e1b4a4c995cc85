"""What every route of one service shares: models, keys, jobs, metrics and logs, started and stopped together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection

from facewarden.core.guards.lock import hold
from facewarden.service.access.gate import Gate
from facewarden.service.jobs.runner import JobRunner
from facewarden.service.logs import ActionLog, where_of
from facewarden.service.metrics import Metrics
from facewarden.service.models.batcher import Room
from facewarden.service.models.held import HeldModels
from facewarden.service.models.kept import KeptPhotos
from facewarden.service.settings import ServiceSettings
from facewarden.service.store.database import STORAGE, open_database
from facewarden.service.store.job_store import JobStore
from facewarden.service.store.key_store import KeyStore


class Service:
    """One running service.

    Args:
        settings: what it serves.
        log: structured log.

    Raises:
        FacewardenError: a model, the database or the folder cannot be used.

    Attributes:
        stopping: set when a stop was asked for; streams end then, and no request is ready any more.
    """

    def __init__(self, settings: ServiceSettings, *, log: Any) -> None:
        self.settings = settings
        self.log = log
        self.lock = hold(settings.data, name=f".{settings.instance}.lock")
        self.metrics = Metrics()
        self.engine = open_database(settings.database_url)
        self.keys = KeyStore(self.engine)
        self.jobs = JobStore(self.engine)
        self.gate = Gate(self.keys, open_without_keys=settings.local, rate=settings.rate)
        self.room = Room(settings.limits.waiting, self.metrics)
        self.actions = ActionLog(settings.data / "actions.log")
        self.kept = KeptPhotos(settings.data / "photos") if settings.keep_photos else None
        self.models = HeldModels(settings, self.metrics)
        self.stopping = asyncio.Event()
        self.runner = JobRunner(
            self.jobs, owner=settings.instance, folder=self.audits, limits=settings.jobs, metrics=self.metrics, log=log
        )
        for what, error in self.models.absent.items():
            log.warning("model.missing", what=what, message=error.message, hint=error.hint)

    @property
    def audits(self) -> Path:
        """Folder of the audits, one folder each."""
        return self.settings.data / "audits"

    async def start(self) -> None:
        """Begin with the jobs."""
        await self.runner.start()
        self.actions.add("service.start", instance=self.settings.instance)

    async def stop(self) -> None:
        """Finish what was accepted, give jobs back to the queue, and close everything."""
        self.stopping.set()
        try:
            await self.runner.stop()
            await self.models.stop()
            self.actions.add("service.stop", instance=self.settings.instance)
        except STORAGE as error:  # the next start queues its audits again
            self.log.error("stop.storage", **where_of(error))
        finally:
            await asyncio.to_thread(self.engine.dispose)
            self.lock.release()


def service_of(connection: HTTPConnection) -> Service:
    """The service that a request came to."""
    found: Service = connection.app.state.service
    return found
