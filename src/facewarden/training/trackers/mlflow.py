"""MLflow: a SQLite file in the run's folder, or the server that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from facewarden.core.files import write_text
from facewarden.training.trackers.parts.base import TrackedRun, Tracker, plain_settings

_EXPERIMENT = "facewarden"
_LONGEST = 500
_ID = "run_id"


class MlFlow(Tracker):
    """Writes parameters and metrics; a resumed training goes on with the run that it began."""

    needs = "mlflow"

    def __init__(self, run: TrackedRun) -> None:
        from mlflow.tracking import MlflowClient

        local = f"sqlite:///{(run.folder / 'mlflow.db').resolve()}"
        self._client: Any = MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or local)
        known = run.folder / _ID
        if run.first and known.is_file():
            self._run = known.read_text(encoding="utf-8")
            return
        experiment = self._client.get_experiment_by_name(_EXPERIMENT)
        number = experiment.experiment_id if experiment else self._client.create_experiment(_EXPERIMENT)
        self._run = str(self._client.create_run(number, run_name=run.name).info.run_id)
        for name, value in plain_settings(run.settings).items():
            self._client.log_param(self._run, name, str(value)[:_LONGEST])
        write_text(known, self._run)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the numbers of an epoch."""
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._run)


entry = MlFlow
