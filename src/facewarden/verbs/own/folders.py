"""Captures that a verb was given as folders of photos: `bona_fide`, `attacks`, `mapping` and `subject`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.identity.given import PathLike, maybe_path, path_of, several
from facewarden.core.roles import Detector
from facewarden.data.own.folders import OwnFolders
from facewarden.evaluation.own.captures import own_captures
from facewarden.evaluation.verdicts.quality import QualityGate

Folders = PathLike | Sequence[PathLike]


def folder_paths(given: Folders) -> tuple[Path, ...]:
    """One folder or several as paths."""
    one_or_more: tuple[PathLike, ...] = several(given)
    return tuple(map(path_of, one_or_more))


def photo_gate(quality: str, *, folders: Sequence[Folders]) -> QualityGate | None:
    """The gate of a verb that decides on every photo or refuses it; None where nothing is looked at.

    Args:
        quality: as a person types it, see `QualityGate.read`.
        folders: of photos that were given; the gate is for these.

    Raises:
        BadInputError: no such gate, one that only notes, or no folders of photos.
    """
    gate = QualityGate.read(quality)
    if not gate.looks:
        return None
    if gate.mode == "note":
        raise BadInputError("--quality note is for facewarden score, which says it of each photo", hint="refuse or off")
    if not any(map(folder_paths, folders)):
        raise BadInputError(
            "--quality is for folders of photos", hint="--bona-fide DIR --attacks DIR; a manifest has non_response"
        )
    return gate


def given_captures(
    captures: PathLike | None,
    detectors: Sequence[Detector],
    *,
    bona_fide: Folders,
    attacks: Folders,
    mapping: PathLike | None,
    subject: str,
    seed: int,
    split: bool = True,
    boxes: bool = False,
    gate: QualityGate | None = None,
) -> Path | None:
    """The captures as a path, also where folders of photos were given: their manifest is written then.

    Args:
        captures: manifest or NAME:PATH.
        detectors: that read them; faces are looked for where one needs face boxes.
        bona_fide, attacks, mapping, subject, seed: as in `facewarden.data.own.folders.OwnFolders`.
        split: whether a split into dev and test is wanted.
        boxes: look for faces in any case.
        gate: of image quality; what it refuses becomes a non-response.

    Raises:
        BadInputError: captures and folders, folders that cannot be understood, or a detector that does not read color.
    """
    request = OwnFolders(
        bona_fide=folder_paths(bona_fide),
        attacks=folder_paths(attacks),
        mapping=maybe_path(mapping),
        subject=subject,
        seed=seed,
        split=split,
    )
    if not (request.bona_fide or request.attacks):
        if request.mapping is not None or subject != "auto":
            raise BadInputError("mapping and subject are for folders of photos", hint="--bona-fide DIR --attacks DIR")
        return maybe_path(captures)
    if captures is not None:
        raise BadInputError(f"{captures} and folders of photos", hint="give one of them")
    for detector in detectors:
        needed = [name for name in detector.modalities if name not in detector.optional and name != "rgb"]
        if needed:
            raise BadInputError(
                f"{detector.card.name} needs {', '.join(needed)}, which a folder of photos does not hold",
                hint="a manifest of captures: facewarden data template manifest",
            )
    return own_captures(request, boxes=boxes or any(detector.needs_box for detector in detectors), gate=gate)
