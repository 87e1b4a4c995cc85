"""Shares as tasks of a Ray cluster, which survive the loss of workers and of whole machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.scale.job import JobEnd, ShardJob, run_job

_LOSSES = 20
"""How often a task is started again because its machine or its worker is gone; failures of its own are not counted."""


@dataclass(frozen=True)
class RayEngine:
    """Runs shares on a cluster: no more are handed over at a time than it can run twice over.

    Args:
        address: of the cluster, "auto" or "ray://HOST:10001"; None starts one on this machine.
        resources: of every share: num_cpus, num_gpus, memory, or resources of the cluster's own.

    All machines must see the same folders, and have facewarden installed.
    """

    address: str | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, jobs: Sequence[ShardJob]) -> Iterator[JobEnd]:
        """Run jobs and tell of each as it ends.

        Raises:
            BadInputError: Ray is not installed, there is no cluster, or it knows no such resource.
        """
        ray = _ray()
        own = not ray.is_initialized()
        try:
            if own:
                ray.init(address=self.address, log_to_driver=False, configure_logging=False)
            known = {
                name: self.resources[name] for name in ("num_cpus", "num_gpus", "memory") if name in self.resources
            }
            custom = {name: value for name, value in self.resources.items() if name not in known}
            task = ray.remote(num_cpus=1)(run_job).options(
                max_retries=_LOSSES, resources=custom or None, **known
            )  # fmt: skip
            window = max(2, 2 * int(ray.cluster_resources().get("CPU", 1)))
            yield from _streamed(ray, task, jobs, window=window)
        except (ConnectionError, ValueError) as error:
            raise BadInputError(f"Ray: {error}", hint="--address auto, or ray://HOST:10001") from error
        finally:
            if own and ray.is_initialized():
                ray.shutdown()


def _streamed(ray: Any, task: Any, jobs: Sequence[ShardJob], *, window: int) -> Iterator[JobEnd]:
    waiting = list(reversed(jobs))
    running: dict[Any, ShardJob] = {}
    while waiting or running:
        while waiting and len(running) < window:
            job = waiting.pop()
            running[task.remote(job)] = job
        ended, _ = ray.wait(list(running), num_returns=1)
        for handle in ended:
            job = running.pop(handle)
            try:
                yield ray.get(handle)
            except ray.exceptions.RayError as error:  # lost more often than it was started again
                yield JobEnd(job, f"{type(error).__name__}: {str(error).splitlines()[0]}")


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise BadInputError("Ray is not installed", hint='pip install "facewarden[ray]"') from None
    return ray
