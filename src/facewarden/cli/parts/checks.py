"""What can be refused before anything heavy is imported: names that no registry has, paths that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from facewarden.core.compute.shards import parse_shard
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.registry import list_entries, nearest
from facewarden.core.sources.grammar import check_source, is_there, split_settings
from facewarden.data.video.file_kinds import refuse_no_photo
from facewarden.verbs.list import list_


def check_detectors(names: Iterable[str]) -> None:
    """Refuse a detector that is neither an entry, nor a path that is there."""
    _check("pad", names)


def named(detector: str) -> tuple[str, ...]:
    """The detector to check; none where the verb is to choose it by the sensors of what it reads."""
    return () if split_settings(detector)[0] == "auto" else (detector,)


def check_recognizers(names: Iterable[str]) -> None:
    """Refuse a recognizer that is neither an entry, nor a path that is there."""
    _check("recognizers", names)


def check_purifiers(names: Iterable[str]) -> None:
    """Refuse a purifier that is neither an entry, nor a path that is there."""
    _check("purifiers", names)


def check_exported(name: str, role: str | None) -> None:
    """Refuse a model to export that no registry has and that is no path."""
    groups = {"detector": "pad", "recognizer": "recognizers", "purifier": "purifiers"}
    if role is not None:
        check_source(groups[role], name)
        return
    base = name.partition(":")[0].partition("{")[0]
    group = next((one for one in groups.values() if base in {entry.name for entry in list_entries(one)}), "pad")
    check_source(group, name)


def check_attack(name: str) -> None:
    """Refuse an attack that is no entry."""
    known = [entry.name for entry in list_entries("attacks")]
    if name not in known:
        raise UnknownEntryError(f"no attack {name!r}{nearest(name, known)}", hint="facewarden list attacks")


def check_sets(names: Iterable[str | None]) -> None:
    """Refuse captures or photos of people that are neither a set with its folder, nor a path that is there."""
    given = [name for name in names if name is not None]
    for name in given:
        if not name.startswith(tuple(f"{entry.name}:" for entry in list_entries("datasets"))):
            refuse_no_photo(name)
    _check("datasets", given)


def check_device(device: str) -> None:
    """Refuse what names no kind of device; whether this machine has it is asked by whoever computes there."""
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device) is None:
        raise BadInputError(f"unknown device {device!r}", hint="--device auto, cpu, cuda, cuda:1 or mps")


def check_shard(shard: str | None) -> None:
    """Refuse what is no share I/N."""
    if shard is not None:
        parse_shard(shard)


def check_plan(plan: str) -> None:
    """Refuse a plan that is neither one of the package nor a file that is there."""
    _check_listed("plans", plan, ".yaml", ".yml")


def check_recipe(recipe: str) -> None:
    """Refuse a recipe that is neither one of the package nor a file that is there."""
    _check_listed("recipes", recipe, ".json")


def check_path(path: Path | None) -> None:
    """Refuse a file or folder that is not there."""
    if path is not None and not is_there(str(path)):
        refuse_no_photo(str(path))
    if path is not None and not is_there(str(path)):
        raise BadInputError(f"{path}: no such file or folder", hint="facewarden help sources")


def check_groups(groups: Path | None) -> None:
    """Refuse a table of groups that is not there, and a set of photos without its folder."""
    if groups is not None and not is_there(str(groups)) and ":" in str(groups):
        check_sets([str(groups)])
    else:
        check_path(groups)


def _check(group: str, names: Iterable[str]) -> None:
    for name in names:
        check_source(group, name)


def _check_listed(group: str, name: str, *suffixes: str) -> None:
    """Refuse what is neither in a list of `facewarden list` nor a file that is there."""
    if name.lower().endswith(suffixes):
        check_path(Path(name))
    elif name not in (known := [entry.name for entry in list_(group)]):
        raise UnknownEntryError(
            f"no {group.removesuffix('s')} {name!r}{nearest(name, known)}",
            hint=f"facewarden list {group}, or give the path of a {suffixes[0]} file",
        )
