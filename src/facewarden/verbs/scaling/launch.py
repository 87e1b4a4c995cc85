"""Run a verb in shares on this machine, a Ray cluster or Slurm, and join the results."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from facewarden.core.compute.shards import Shard
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.lock import hold, locking
from facewarden.core.progress import track
from facewarden.core.settings.problems import shown
from facewarden.data.results import Result
from facewarden.scale.command import SharedCommand, parse_command
from facewarden.scale.job import Engine, JobEnd, ShardJob, cores, run_with_retries
from facewarden.scale.local import LocalEngine
from facewarden.scale.ray import RayEngine
from facewarden.scale.record import forget_record, read_records
from facewarden.scale.slurm import SlurmEngine
from facewarden.scale.staging import Stage, fetch_records, send_merged, shards_url, stage_of
from facewarden.scale.storage import Store
from facewarden.verbs.scaling.merge import Merged, merge, merge_homes

EngineName = Literal["local", "ray", "slurm"]
_RECORD, _MERGED = "launch.json", "merged"


@dataclass(frozen=True, repr=False)
class Launched(Result):
    """A command that ran in shares.

    Attributes:
        shards: how many.
        done: shares that this call computed; the others were there.
        merged: what came of them.
        place: path or URL of the result.
    """

    shards: int
    done: int
    merged: Merged
    place: str


@locking
def launch(
    command: str | Sequence[str],
    /,
    *,
    engine: EngineName = "local",
    shards: int = 0,
    at_once: int = 0,
    address: str | None = None,
    resources: Sequence[str] = (),
    attempts: int = 3,
    keep: bool = False,
) -> Launched:
    """Run a verb in shares, each in a process of its own, and merge them into what one call writes.

    A call that was stopped goes on: shares that are done are not run again, and the others resume. Shares lie in
    `OUT.shards` until they are merged; after that the same command begins anew. All machines must see the folder in
    which launch runs and the command's folders, unless these lie in a store: `score`, `purify` and `cloak` read photos
    from s3://BUCKET/FOLDER, gs:// or file://, and write results there.

    Args:
        command: a command line of a verb with `shard`, such as "purify photos --out clean".
        engine: local: processes of this machine; ray: tasks of a Ray cluster; slurm: an array of Slurm jobs.
        shards: how many shares; left out, one for each process that runs at once on this machine.
        at_once: on this machine, how many run at the same time; all cores when 0.
        address: of a Ray cluster, auto or ray://HOST:10001; left out, Ray starts on this machine.
        resources: KEY=VALUE, of every share: num_gpus=1 for Ray; slurm_partition=gpu, timeout_min=600 for Slurm.
        attempts: how often a share that fails is tried; machines that are lost are not counted by Ray.
        keep: keep the shares beside the result.

    Raises:
        BadInputError: a command that cannot be shared out, an engine that is not there, or a share that failed.
    """
    shared = parse_command(command)
    given = parse_resources(resources)
    if shards < 0 or at_once < 0 or attempts < 1:
        raise BadInputError(f"shards {shards}, at once {at_once}, attempts {attempts}", hint="--shards 8 --attempts 3")
    if not shards and engine != "local":
        raise BadInputError(f"{engine} needs a number of shares", hint="--shards 64: some for each machine")
    together = min(at_once or cores(), shards or cores())
    count = shards or together
    stage = stage_of(shared)
    if stage is not None and stage.out is not None:
        return _into_store(shared, stage, stage.out, count, engine, together, address, given, attempts)
    out = Path(shared.out).expanduser()
    home = out.with_name(f"{out.name}.shards")
    hold(home)
    _claim(home, shared, count)
    jobs: list[ShardJob] = []
    places: list[str] = []
    for number in range(1, count + 1):
        shard = Shard(number, count)
        place = shared.share_out(shard, below=str(home))
        places.append(place)
        if not _done(Path(place), shard):
            line = shared.line(shard, out=place, workers=1 if together > 1 else None)
            jobs.append(ShardJob(shard, line, command=shared.with_out(place), stage=stage))
    _run(_engine(engine, home, together, address, given), jobs, attempts=attempts, label=f"{engine}: {shared.verb}")
    merged = merge(places, out=out)
    if keep:
        write_json(home / _RECORD, {**_about(shared, count), _MERGED: True})
    else:
        shutil.rmtree(home, ignore_errors=True)
    return Launched(count, len(jobs), merged, str(merged.file))


def _into_store(
    shared: SharedCommand,
    stage: Stage,
    url: str,
    count: int,
    engine: EngineName,
    together: int,
    address: str | None,
    resources: Mapping[str, Any],
    attempts: int,
) -> Launched:
    """Run shares whose results go into a store, where the record of each says that it is whole."""
    shares = Store(shards_url(url))
    with tempfile.TemporaryDirectory(prefix="facewarden-launch-") as temporary:
        home = Path(temporary)
        about = _about(shared, count)
        held = shares.json(_RECORD)
        _check_same(shares.url, held, about)
        if held is None:
            write_json(home / _RECORD, about)
            shares.send(home / _RECORD, _RECORD)
        jobs = []
        for number in range(1, count + 1):
            shard, name = Shard(number, count), f"shard-{number}-of-{count}.json"
            folder = f"{number}-of-{count}"
            record = f"{folder}/{Path(url).name}.{name}" if shared.verb == "score" else f"{folder}/{name}"
            if not shares.has(record):
                line = shared.line(shard, out=shared.out, workers=1 if together > 1 else None)
                jobs.append(ShardJob(shard, line, command=shared, stage=stage))
        run = _engine(engine, home, together, address, resources)
        _run(run, jobs, attempts=attempts, label=f"{engine}: {shared.verb}")
        fetch_records(url, home / "shards")
        places = [Path(shared.share_out(Shard(n, count), below=str(home / "shards"))) for n in range(1, count + 1)]
        local = home / Path(url.rstrip("/")).name
        merged = merge_homes(places, local, tables_only=True)
        send_merged(local, url)
    return Launched(count, len(jobs), replace(merged, out=Path(url), file=Path(url)), url)


def _run(engine: Engine, jobs: Sequence[ShardJob], *, attempts: int, label: str) -> None:
    failed: list[JobEnd] = []
    for end in track(run_with_retries(engine, jobs, attempts=attempts), label=label, total=len(jobs), unit="shares"):
        failed += [end] if end.error else []
    if failed:
        told = "\n".join(f"  {end.job.shard}: {end.error}" for end in failed[:3])
        raise BadInputError(
            f"{len(failed)} of {len(jobs)} shares failed:\n{told}", hint="the same command goes on with them"
        )


def _engine(name: EngineName, home: Path, at_once: int, address: str | None, resources: Mapping[str, Any]) -> Engine:
    if address is not None and name != "ray":
        raise BadInputError(f"{name} has no address", hint="--engine ray --address auto")
    match name:
        case "ray":
            return RayEngine(address, resources)
        case "slurm":
            cluster = str(resources.get("cluster", "slurm"))
            return SlurmEngine(home / "logs", {k: v for k, v in resources.items() if k != "cluster"}, cluster)
        case _:
            if resources:
                raise BadInputError("processes of this machine have no resources", hint="--at-once 2")
            return LocalEngine(at_once)


def parse_resources(pairs: Sequence[str]) -> dict[str, Any]:
    """Read `KEY=VALUE`; a value that is no number is text.

    Raises:
        BadInputError: another form.

    Example:
        >>> parse_resources(["num_gpus=1", "slurm_partition=gpu"])
        {'num_gpus': 1, 'slurm_partition': 'gpu'}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not (key and equals and text):
            raise BadInputError(f"resource {pair!r} is not key=value", hint="--resources num_gpus=1")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        found[key] = value if isinstance(value, int | float) else text
    return found


def _claim(home: Path, shared: SharedCommand, count: int) -> None:
    """Remember what the shares are of: those of another command must not be merged, nor those that were merged."""
    about, path = _about(shared, count), home / _RECORD
    try:
        held = read_json_bounded(path) if path.is_file() else None
        merged = isinstance(held, dict) and bool(held.pop(_MERGED, False))
        _check_same(home, held, about)
        for number in range(1, count + 1) if merged else ():  # photos and models may be others by now
            shard = Shard(number, count)
            forget_record(Path(shared.share_out(shard, below=str(home))), shard)
        if held is None or merged:
            write_json(path, about)
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: cannot be used: {error}", hint="a writable --out") from error


def _about(shared: SharedCommand, count: int) -> dict[str, Any]:
    return {"verb": shared.verb, "words": list(shared.words), "shards": count}


def _check_same(home: object, held: Any, about: Mapping[str, Any]) -> None:
    if held not in (None, about):
        raise BadInputError(
            f"{home} holds shares of another command: {shown(held)}",
            hint="the same command goes on with them; or another --out, or remove that folder",
        )


def _done(place: Path, shard: Shard) -> bool:
    try:
        return any((one.number, one.of) == (shard.number, shard.of) for one in read_records(place)) and not any(
            one.about["unfinished"] for one in read_records(place)
        )
    except BadInputError:
        return False
