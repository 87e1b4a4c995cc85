"""Shares as processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from queue import SimpleQueue

from facewarden.core.compute.device import available_devices
from facewarden.scale.job import JobEnd, ShardJob, run_job


@dataclass(frozen=True)
class LocalEngine:
    """Runs shares beside each other, each on a GPU of its own as far as there are GPUs.

    Args:
        at_once: how many.
    """

    at_once: int

    def __call__(self, jobs: Sequence[ShardJob]) -> Iterator[JobEnd]:
        """Run jobs and tell of each as it ends."""
        gpus = sum(name.startswith("cuda") for name in available_devices())
        slots: SimpleQueue[int] = SimpleQueue()
        for slot in range(self.at_once):
            slots.put(slot)

        def run(job: ShardJob) -> JobEnd:
            slot = slots.get()
            try:
                own = {"CUDA_VISIBLE_DEVICES": str(slot % gpus)} if gpus > 1 else {}
                return replace(run_job(replace(job, environment={**own, **job.environment})), job=job)
            finally:
                slots.put(slot)

        with ThreadPoolExecutor(self.at_once) as pool:
            for done in as_completed([pool.submit(run, job) for job in jobs]):
                yield done.result()
