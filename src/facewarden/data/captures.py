"""Open a set of captures from an argument: a manifest, or the name of a published set and its folder."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Mapping
from pathlib import Path

from facewarden.core import registry
from facewarden.core.errors import BadInputError, ContractError, UnknownEntryError
from facewarden.core.labels import Split
from facewarden.core.sources.grammar import is_there
from facewarden.data.datasets.parts.captures import CaptureSet, Missing
from facewarden.data.manifest import Manifest
from facewarden.data.table import SUFFIXES
from facewarden.data.text import counted

_LOG = logging.getLogger("facewarden")

__all__ = [
    "CaptureSet",
    "Missing",
    "capture_set",
    "capture_sets",
    "check_name",
    "named_set",
    "names_captures",
    "open_captures",
]


def capture_sets() -> tuple[str, ...]:
    """Names of the published sets of captures that can be read."""
    names = (entry.name for entry in registry.list_entries("datasets"))
    return tuple(name for name in names if _is_captures(registry.load("datasets", name)))


def names_captures(source: str | Path) -> bool:
    """Whether this is a manifest, the folder of one, or a published set with its folder; other folders hold photos."""
    path = Path(source)
    manifest = path.suffix.lower() in SUFFIXES or any(is_there(str(path / f"manifest{suffix}")) for suffix in SUFFIXES)
    return manifest or named_set(str(source)) is not None


def open_captures(source: str | Path) -> Manifest:
    """Open captures as samples, from a manifest or from a published set.

    Args:
        source: a manifest (.csv, .parquet, or its folder), or NAME:PATH for a published set in its layout.

    Raises:
        BadInputError: no such file, or the folder does not hold that layout.
        UnknownEntryError: NAME:PATH with a name that is no set's.
    """
    named = named_set(str(source))
    if named is None:
        check_name(str(source))
    manifest = Manifest.read(Path(source)) if named is None else capture_set(*named).manifest()
    for line in (_understood(manifest), *(f"{manifest.name}: {note}" for note in manifest.notes)):
        _LOG.info("%s", line)
    return manifest


def _understood(manifest: Manifest) -> str:
    """What was read, in one sentence."""
    splits = ", ".join(f"{count} {name}" for name, count in manifest.counts("split").items())
    bona_fide = sum(row.bona_fide for row in manifest)
    return (
        f"{manifest.name}: {counted(len(manifest), 'capture')} of {counted(len(manifest.subjects), 'subject')} and "
        f"{counted(len(manifest.domains), 'sensor domain')} ({splits}; {bona_fide} bona fide, "
        f"{len(manifest) - bona_fide} attacks)"
    )


def capture_set(
    name: str,
    path: Path,
    *,
    lists: Mapping[Split, Path] | None = None,
    protocol: Path | None = None,
    missing: Missing = "refuse",
    dedup: bool = False,
) -> CaptureSet:
    """Open a published set of captures with options; they are those of `CaptureSet`.

    Raises:
        BadInputError: a set of face photos, or not the layout.
        UnknownEntryError: no set of that name.
    """
    made = registry.load("datasets", name)
    if not _is_captures(made):
        raise BadInputError(f"{name} is no set of captures", hint=f"one of {', '.join(capture_sets())}")
    opened = made(path.expanduser(), lists=lists, protocol=protocol, missing=missing, dedup=dedup)
    if not isinstance(opened, CaptureSet):
        raise ContractError(f"datasets entry {name!r} made a {type(opened).__name__}", hint="entry = TheClass")
    return opened


def named_set(text: str) -> tuple[str, Path] | None:
    """Return the registry name and the folder of NAME:PATH; None for anything else, an existing path among it."""
    name, colon, path = text.partition(":")
    if colon and is_there(text):
        return None
    return (name, Path(path)) if colon and name in {item.name for item in registry.list_entries("datasets")} else None


def check_name(text: str) -> None:
    """Refuse NAME:PATH whose name is no set; file names may contain colons, drives have one letter.

    Raises:
        UnknownEntryError: with the set that was meant.
    """
    match = re.fullmatch(r"(\w[\w-]+):(.*)", text, re.DOTALL)
    if match is None or Path(text).suffix.lower() in SUFFIXES or Path(text).exists():
        return
    known = capture_sets()
    close = difflib.get_close_matches(match[1].lower(), known, n=1, cutoff=0.6)
    if not close and Path(text).suffix:
        return  # a file such as photo:1.jpg, of which whoever reads it says what is wrong
    raise UnknownEntryError(
        f"no set of captures {match[1]!r}" + (f"; did you mean {close[0]}:{match[2]}?" if close else ""),
        hint=f"one of {', '.join(f'{name}:PATH' for name in known)}, or a manifest",
    )


def _is_captures(made: object) -> bool:
    return isinstance(made, type) and issubclass(made, CaptureSet)
