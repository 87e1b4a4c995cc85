"""Shares as an array of Slurm jobs, by submitit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.scale.job import JobEnd, ShardJob, run_job

_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class SlurmEngine:
    """Submits shares as one array and tells of each as it ends.

    Args:
        logs: folder for what the jobs say, which all machines see.
        resources: parameters of submitit, such as slurm_partition, timeout_min, cpus_per_task, gpus_per_node.
        cluster: "slurm", or "local" to run the same jobs on this machine.
    """

    logs: Path
    resources: Mapping[str, Any] = field(default_factory=dict)
    cluster: str = "slurm"

    def __call__(self, jobs: Sequence[ShardJob]) -> Iterator[JobEnd]:
        """Run jobs and tell of each as it ends.

        Raises:
            BadInputError: submitit is not installed, there is no Slurm here, or it knows no such parameter.
        """
        submitit = _submitit()
        try:
            executor = submitit.AutoExecutor(folder=self.logs, cluster=self.cluster)
            executor.update_parameters(**{"timeout_min": 24 * 60, **self.resources})
            with executor.batch():
                submitted = [executor.submit(run_job, job) for job in jobs]
        except (RuntimeError, NameError, TypeError, OSError) as error:
            raise BadInputError(
                f"Slurm: {error}", hint="on a machine with sbatch; --resources timeout_min=60"
            ) from error
        running = dict(zip(submitted, jobs, strict=True))
        while running:
            ended = [handle for handle in running if handle.done()]
            for handle in ended:
                yield _end(submitit, handle, running.pop(handle))
            if not ended:
                time.sleep(_POLL_SECONDS)


def _end(submitit: Any, handle: Any, job: ShardJob) -> JobEnd:
    try:
        end: JobEnd = handle.result()
        return end
    except submitit.core.utils.UncompletedJobError as error:  # its machine is gone, or its time was up
        return JobEnd(job, f"the job was lost: {str(error).splitlines()[0]}")
    except submitit.core.utils.FailedJobError as error:
        return JobEnd(job, str(error).splitlines()[-1])


def _submitit() -> Any:
    try:
        import submitit
    except ImportError:
        raise BadInputError("submitit is not installed", hint='pip install "facewarden[slurm]"') from None
    return submitit
