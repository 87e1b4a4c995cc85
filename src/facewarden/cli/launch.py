"""Run a verb in shares on this machine, a Ray cluster or Slurm, and merge the results."""

from __future__ import annotations

from typing import Annotated, Literal

from facewarden.cli.parts.kinds import Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.scale.command import parse_command


def launch(
    command: Annotated[str, "COMMAND"],
    /,
    *,
    engine: Literal["local", "ray", "slurm"] = "local",
    shards: int = 0,
    at_once: int = 0,
    address: Annotated[str, "ADDRESS"] | None = None,
    resources: tuple[Setting, ...] = (),
    attempts: int = 3,
    keep: bool = False,
) -> Outcome:
    """Run a verb in shares, each in a process of its own, and merge them into what one call writes.

    A call that was stopped continues: shares that are done are not run again, and the others resume. Shares lie in
    OUT.shards until they are merged; after that the same command begins anew. All machines must see the folder in which
    launch runs and the command's folders, unless these lie in a store: score, purify and cloak read photos from
    s3://BUCKET/FOLDER, gs:// or file://, and write results there.

    Args:
        command: a command line in quotes, such as "purify photos --out clean", of a verb with --shard.
        engine: local: processes of this machine; ray: tasks of a Ray cluster; slurm: an array of Slurm jobs.
        shards: how many shares; left out, one for each process that runs at once on this machine.
        at_once: on this machine, how many run at the same time; all cores when 0.
        address: of a Ray cluster, auto or ray://HOST:10001; left out, Ray starts on this machine.
        resources: of every share: num_gpus=1 for Ray; slurm_partition=gpu timeout_min=600 for Slurm.
        attempts: how often a share that fails is tried; machines that are lost are not counted by Ray.
        keep: keep the shares beside the result.
    """
    parse_command(command)
    from facewarden.verbs.scaling.launch import launch as run

    result = run(
        command, engine=engine, shards=shards, at_once=at_once, address=address, resources=resources,
        attempts=attempts, keep=keep,
    )  # fmt: skip
    merged = result.merged
    lines = [f"ran {result.done} of {result.shards} shares of {merged.verb} with {merged.items} items"]
    lines += [f"skipped {count}: {reason}" for reason, count in merged.skipped.items()]
    return Outcome(result, [*lines, f"result: {result.place}"])


entry = launch
