"""Folders of photos as a manifest on disk, for every verb that takes `--bona-fide` and `--attacks`."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from facewarden.core.guards.lock import hold
from facewarden.core.registry import load
from facewarden.data.own.folders import FolderCaptures, OwnFolders, captures_of_folders
from facewarden.data.own.mapping import write_mapping
from facewarden.data.text import opaque
from facewarden.evaluation.own.boxes import with_boxes
from facewarden.evaluation.verdicts.quality import QualityGate

_LOG = logging.getLogger("facewarden")
MANIFEST = "own_captures.csv"
KEPT = Path("runs/own")
"""Below it the manifests of folders are kept."""
_MAPPING = ".folders.csv"


def write_captures(found: FolderCaptures, manifest: Path, mapping: Path | None = None) -> None:
    """Write a manifest made of folders with its mapping file, and say how the folders were understood.

    Args:
        found: the captures.
        manifest: file to write, .csv or .parquet.
        mapping: file to write; by default beside it, `NAME.folders.csv`.

    Raises:
        BadInputError: a file cannot be written.
    """
    found.manifest.write(manifest)
    write_mapping(manifest.with_name(f"{manifest.stem}{_MAPPING}") if mapping is None else mapping, found.folders)


def own_captures(request: OwnFolders, *, boxes: bool, gate: QualityGate | None = None) -> Path:
    """Read folders of photos, find the faces where that is wanted, and write the manifest that a verb then reads.

    The same folders with the same files give the same manifest; what is there from an earlier call is used again, so
    that faces are looked for once and the split stays.

    Args:
        request: the folders.
        boxes: whether the detector needs face boxes.
        gate: what it refuses becomes a non-response; faces are looked for then in any case.

    Returns:
        The manifest, `runs/own/NAME/own_captures.csv`, where NAME is a hash of the request and the files.

    Raises:
        BadInputError: folders that cannot be understood or split.
        MissingAssetError: boxes are wanted and the face finder is not in the cache.
    """
    found = captures_of_folders(request)
    for row in found.folders:
        _LOG.info("%s", row.words())
    refused = "" if gate is None else gate.identity()
    boxes |= bool(refused)
    place = KEPT / "_".join([found.identity, *(["boxes"] if boxes else []), *([opaque(refused)] if refused else [])])
    path = place / MANIFEST
    if not path.is_file():
        hold(place)
        if boxes:
            boxed, _ = with_boxes(found.manifest, load("align", "yunet")(), gate=gate)
            found = replace(found, manifest=boxed)
        write_captures(found, path)
    _LOG.info("captures: %s; which folder is what: %s, edit it and give it as --mapping", path,
              path.with_name(f"{path.stem}{_MAPPING}"))  # fmt: skip
    return path
