"""A share whose photos or results lie in a store: its photos come to this machine, and its results go there whole."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.compute.shards import Shard
from facewarden.core.errors import BadInputError
from facewarden.data.table import SUFFIXES, read_table
from facewarden.data.text import named_file
from facewarden.scale.command import SharedCommand
from facewarden.scale.storage import Store, is_url

VERBS = ("cloak", "purify", "score")
"""Verbs whose photos and results may lie in a store."""
_TABLES = ("purified.csv", "cloaked.csv")
_AT_ONCE = 8


@dataclass(frozen=True)
class Stage:
    """Where a share's photos and results lie.

    Attributes:
        source: URL of the photos; None where this machine sees them.
        out: URL of all results; None where they stay on a disk that all machines see.
    """

    source: str | None
    out: str | None


def stage_of(command: SharedCommand) -> Stage | None:
    """What of a command lies in a store; None for nothing.

    Raises:
        BadInputError: a verb that does not work so.
    """
    source = command.source if command.source is not None and is_url(command.source) else None
    out = command.out if is_url(command.out) else None
    if source is None and out is None:
        return None
    if command.verb not in VERBS:
        raise BadInputError(f"{command.verb} reads and writes no store", hint=f"one of: {', '.join(VERBS)}")
    return Stage(source, out)


def shards_url(out: str) -> str:
    """Where the tables and records of the shares lie until they are merged."""
    return f"{out.rstrip('/')}.shards"


@contextmanager
def staged(command: SharedCommand, stage: Stage, shard: Shard) -> Iterator[tuple[SharedCommand, Callable[[], None]]]:
    """Give a command of this machine for a share, and what takes its results away afterwards.

    The photos of the other shares are there as empty files, so that every share sees the same list.

    Args:
        command: with URLs.
        stage: what of it lies in a store.
        shard: which share.
    """
    with tempfile.TemporaryDirectory(prefix="facewarden-share-") as temporary:
        home = Path(temporary)
        if stage.source is not None:
            fetch_share(Store(stage.source), shard, home / "photos")
            command = command.with_source(str(home / "photos"))
        finish: Callable[[], None] = _nothing
        if stage.out is not None:
            local = home / "results" / Path(stage.out.rstrip("/")).name
            local.parent.mkdir()
            command, url = command.with_out(str(local)), stage.out

            def finish() -> None:
                send_results(local, url, shard)

        yield command, finish


def fetch_share(store: Store, shard: Shard, folder: Path) -> int:
    """Copy the photos of a share to a folder, and lay empty files there for all others.

    Returns:
        How many are the share's.
    """
    keys = store.photos()
    if not keys:
        raise BadInputError(f"{store.url}: holds no photos", hint="s3://BUCKET/FOLDER")
    mine = [key for key in keys if shard.holds(key)]
    for key in set(keys) - set(mine):
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    _all_at_once(lambda key: store.fetch(key, folder / key), mine)
    return len(mine)


def send_results(local: Path, url: str, shard: Shard) -> None:
    """Copy the results of a share into the store: photos to their places, tables beside them, the record last.

    Args:
        local: folder or table on this machine.
        url: of the results of all shares.
        shard: which share.
    """
    shares, results = Store(shards_url(url)), Store(url)
    below = f"{shard.number}-of-{shard.of}"
    if local.suffix.lower() in SUFFIXES:
        files = {path.name: path for path in local.parent.iterdir() if path.is_file() and not path.name.startswith(".")}
    else:
        table = next(local / name for name in _TABLES if (local / name).is_file())
        photos = [name for name in read_table(table)["file"] if name is not None]
        _all_at_once(lambda name: results.send(named_file(local, name), named_file(Path(), name).as_posix()), photos)
        apart = {named_file(local, name) for name in photos}
        files = {
            path.relative_to(local).as_posix(): path
            for path in local.rglob("*")
            if path.is_file() and path not in apart and not path.name.startswith(".")
        }
    record = f"shard-{shard.number}-of-{shard.of}.json"
    for name in sorted(files, key=lambda name: name.endswith(record)):
        shares.send(files[name], f"{below}/{name}")


def fetch_records(url: str, home: Path) -> None:
    """Copy the tables and records of all shares to this machine."""
    store = Store(shards_url(url))
    _all_at_once(lambda key: store.fetch(key, home / key), store.files())


def send_merged(local: Path, url: str) -> None:
    """Copy what was merged into the store, and remove the shares there."""
    if local.is_dir():
        store = Store(url)
        names = [path.relative_to(local).as_posix() for path in local.rglob("*") if path.is_file()]
        for name in sorted(names, key=lambda name: name == "merged.json"):
            store.send(local / name, name)
    else:
        parent, _, name = url.rpartition("/")
        store = Store(parent)
        store.send(local, name)
        store.send(local.with_name(f"{local.name}.merged.json"), f"{name}.merged.json")
    Store(shards_url(url)).remove()


def _all_at_once(work: Callable[[str], object], keys: Iterable[str]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(work, keys):
            pass


def _nothing() -> None:
    """What stays where it is needs no finish."""
