"""Turn a published set of captures into a manifest, from its own rule or from list files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.files import path_from, writing
from facewarden.core.guards.lock import locking
from facewarden.core.labels import SPLITS, Modality, Split
from facewarden.core.progress import track
from facewarden.data.arrays import in_array
from facewarden.data.captures import Missing, capture_set, check_name, named_set
from facewarden.data.manifest import Manifest
from facewarden.data.reading import read_image
from facewarden.data.sample import Sample
from facewarden.data.table import check_target

PICTURES = "pictures"
"""Folder beside the manifest that holds what was extracted."""
_SHORT: dict[Modality, str] = {"rgb": "rgb", "depth": "depth", "infrared": "ir"}


@dataclass(frozen=True)
class Imported:
    """A manifest that was written.

    Attributes:
        manifest: its rows.
        out: its file.
    """

    manifest: Manifest
    out: Path

    def lines(self) -> tuple[str, ...]:
        """Return the notes for the user, one per line."""
        counts = []
        for split in SPLITS:
            part = self.manifest.where(split=split)
            bona_fide = sum(row.bona_fide for row in part)
            counts.append(
                f"{split:>5}: {len(part)} rows, {bona_fide} bona fide, {len(part) - bona_fide} attacks, "
                f"{len(part.subjects)} subjects"
            )
        return (*counts, *(f"note: {note}" for note in self.manifest.notes), f"manifest: {self.out}")


@locking
def import_captures(
    source: str,
    *,
    out: Path,
    lists: Mapping[Split, Path] | None = None,
    protocol: Path | None = None,
    missing: Missing = "refuse",
    dedup: bool = False,
    extract: bool = False,
) -> Imported:
    """Write the manifest of a published set of captures.

    Args:
        source: NAME:PATH, e.g. `wmca:PATH`.
        out: the manifest to write, .csv or .parquet; images stay where they are.
        lists, protocol, missing, dedup: as in `facewarden.data.datasets.parts.captures.CaptureSet`.
        extract: write images out of array files (.npz, .hdf5) as PNG beside the manifest, once, instead of reading the
            whole array for every image.

    Raises:
        BadInputError: not a published set, or it cannot be read.
        UnknownEntryError: NAME:PATH with a name that is no set's.
    """
    named = named_set(source)
    if named is None:
        check_name(source)
        raise BadInputError(f"{source!r} names no published set", hint="NAME:PATH, e.g. wmca:PATH")
    check_target(out)
    made = capture_set(*named, lists=lists, protocol=protocol, missing=missing, dedup=dedup)
    manifest = made.manifest()
    if extract:
        rows = tuple(
            _extracted(row, manifest, out.parent) for row in track(manifest.rows, label="extracting", unit="captures")
        )
        manifest = replace(manifest, rows=rows)
    manifest.write(out)
    return Imported(manifest, out)


def _extracted(sample: Sample, manifest: Manifest, folder: Path) -> Sample:
    paths: dict[str, str] = {}
    for name in sample.modalities:
        source = manifest.root / str(sample.path(name))
        if not in_array(source):
            continue
        image = read_image(source, name)
        pixels = (image.astype(np.float32, copy=False) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        stem = sample.key.replace(":", "_").split("/")
        target = folder.joinpath(PICTURES, *stem[:-1], f"{stem[-1]}_{_SHORT[name]}.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        with writing(target, sync=False) as temporary:  # the manifest that names it is written last
            Image.fromarray(pixels.squeeze()).save(temporary)
        paths[name] = path_from(manifest.root, target)
    return replace(sample, **paths) if paths else sample  # type: ignore[arg-type]
