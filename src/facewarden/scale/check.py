"""Whether shards belong together: all there, none twice, made of the same things in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.settings.problems import shown
from facewarden.scale.record import ShardRecord, read_records

_SHOWN = 8


def shards_in(homes: Sequence[Path]) -> tuple[ShardRecord, ...]:
    """The records of the shards that lie in folders or tables, by their numbers.

    Raises:
        BadInputError: no folders, or one without a record.
    """
    if not homes:
        raise BadInputError("no shards to merge", hint="facewarden merge SHARD_1 SHARD_2 --out FOLDER")
    found = {(record.home.resolve(), record.number): record for home in homes for record in read_records(home)}
    return tuple(sorted(found.values(), key=lambda record: record.number))


def check_shards(records: Sequence[ShardRecord], *, allow_mixed_precision: bool) -> None:
    """Refuse shards that do not make one whole.

    Args:
        records: by their numbers.
        allow_mixed_precision: accept results that were computed in different precisions.

    Raises:
        BadInputError: a shard is absent, unfinished or there twice; verb, version, settings, inputs, list of items or
            precision differ; an item is in two shards or in none.
    """
    first = records[0]
    for record in records[1:]:
        if record.verb != first.verb:
            _differ("the verb", first, record, first.verb, record.verb)
    if len({record.of for record in records}) > 1:
        counts = ", ".join(f"{record.home}: of {record.of}" for record in records[:_SHOWN])
        raise BadInputError(f"shards of different numbers of shards: {counts}", hint="merge the shards of one run")
    twice = [number for number, count in Counter(record.number for record in records).items() if count > 1]
    if twice:
        homes = " and ".join(str(record.home) for record in records if record.number == twice[0])
        raise BadInputError(f"shard {twice[0]}/{first.of} is given twice: {homes}", hint="name every shard once")
    absent = sorted(set(range(1, first.of + 1)) - {record.number for record in records})
    if absent:
        shown = ", ".join(f"{number}/{first.of}" for number in absent[:_SHOWN])
        more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
        raise BadInputError(
            f"{len(absent)} of {first.of} shards are absent: {shown}{more}",
            hint=f"run them with --shard {absent[0]}/{first.of}, or name their folders",
        )
    for record in records:
        if record.about["unfinished"]:
            raise BadInputError(
                f"{record.home}: shard {record.number}/{first.of} is unfinished: {record.about['unfinished']}",
                hint="run its command again with --resume",
            )
    for what, key in (("facewarden", "facewarden"), ("the code", "code"), ("settings", "settings")):
        _same(records, what, key)
    _same_inputs(records)
    _same(records, "the list of all items", "listing", hint="give every shard the same photos, captures or plan")
    _same_precision(records, allow_mixed=allow_mixed_precision)
    _check_items(records)


def _same(records: Sequence[ShardRecord], what: str, key: str, *, hint: str = "run the odd one again") -> None:
    for record in records[1:]:
        before, now = records[0].about[key], record.about[key]
        if before == now:
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            name = next(name for name in sorted({*before, *now}) if before.get(name) != now.get(name))
            if name == "detector" and "@sha256:" not in str(before.get(name)):
                hint = f"run the odd one again with --detector {before.get(name)}"
            _differ(f"{what}: {name}", records[0], record, before.get(name), now.get(name), hint=hint)
        _differ(what, records[0], record, before, now, hint=hint)


def _same_inputs(records: Sequence[ShardRecord]) -> None:
    """A shard without work may have noted fewer inputs, but never others."""
    known: dict[str, tuple[str, ShardRecord]] = {}
    for record in records:
        for name, digest in record.about["inputs"].items():
            held, other = known.setdefault(name, (digest, record))
            if held != digest:
                _differ(f"the content of {name}", other, record, held[:12], digest[:12])


def _same_precision(records: Sequence[ShardRecord], *, allow_mixed: bool) -> None:
    found = {record.about.get("computed", {}).get("precision", ""): record for record in records}
    found.pop("", None)
    if len(found) > 1 and not allow_mixed:
        told = ", ".join(f"{precision} in {record.home}" for precision, record in found.items())
        raise BadInputError(
            f"the shards were computed in different precisions: {told}",
            hint="run them with one --precision, or --allow-mixed-precision",
        )


def _check_items(records: Sequence[ShardRecord]) -> None:
    total = int(records[0].about["total"])
    owner = np.zeros(total, dtype=np.int64)
    for record in records:
        places = np.array(record.items()[0], dtype=np.int64)
        if len(places) != record.about["items"] or (len(places) and not 0 <= places.min() <= places.max() < total):
            raise BadInputError(f"{record.home}: the table of its items is damaged", hint="run the shard again")
        again = places[owner[places] > 0]
        if len(again):
            other = int(owner[again[0]])
            raise BadInputError(
                f"{len(again)} items are in shard {other} and in shard {record.number}", hint="run both shards again"
            )
        owner[places] = record.number
    if lost := int((owner == 0).sum()):
        raise BadInputError(f"{lost} of {total} items are in no shard", hint="run all shards with one version")


def _differ(
    what: str, one: ShardRecord, other: ShardRecord, before: Any, now: Any, *, hint: str = "run the odd one again"
) -> None:
    raise BadInputError(f"{what} differ: {shown(before)} in {one.home}, {shown(now)} in {other.home}", hint=hint)
