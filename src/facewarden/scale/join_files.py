"""Shards whose results are files: pairs for a purifier, embeddings of photos, and cloaks of people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.evaluation.kept_embeddings import join_parts
from facewarden.scale.placing import place_below, place_equal, place_file
from facewarden.scale.record import ShardRecord

_PART = re.compile(r"(?P<whole>embeddings-.+)\.part_(?P<number>\d+)_of_(?P<of>\d+)\.npz")


def join_pairs(records: Sequence[ShardRecord], out: Path) -> Path:
    """Place the files of pairs in one folder.

    Args:
        records: of all shards, checked; several may share a folder.
        out: the folder.

    Returns:
        `out`.
    """
    place_equal(records, "pairs.json", out)
    place_equal(records, "inputs.json", out)
    for record in records:
        for name in record.items()[1]:
            place_file(record.home / name, out / name)
    return out


def join_embeddings(records: Sequence[ShardRecord], out: Path) -> Path:
    """Write the embeddings of all photos as `facewarden evaluate verification` and `identification` keep them.

    Args:
        records: of all shards, checked; several may share a folder.
        out: the folder.

    Returns:
        `out`.

    Raises:
        BadInputError: the parts of some embeddings are not all there.
    """
    parts: dict[str, dict[int, Path]] = {}
    for record in records:
        for path in sorted(record.home.glob("embeddings-*.part_*_of_*.npz")):
            found = _PART.fullmatch(path.name)
            if found and (int(found["number"]), int(found["of"])) == (record.number, record.of):
                parts.setdefault(found["whole"], {})[record.number] = path
    whole = {name: some for name, some in parts.items() if len(some) == records[0].of}
    if not whole:
        raise BadInputError("the embeddings of the shards are not of the same photos", hint="run all shards again")
    for name, some in whole.items():
        join_parts(out / f"{name}.npz", [some[number] for number in sorted(some)])
    return out


def join_cloaks(records: Sequence[ShardRecord], out: Path) -> Path:
    """Place the cloaks and embeddings of all people where `facewarden evaluate cloaking --run` looks for them.

    Args:
        records: of all shards, checked; several may share a folder.
        out: the folder.

    Returns:
        `out`.
    """
    for record in records:
        for folder in sorted(path for path in record.home.iterdir() if path.is_dir()):
            place_below(folder, out / folder.name, missing_only=True)  # what several made has the name of its content
    return out
