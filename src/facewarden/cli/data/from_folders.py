"""Write the manifest of folders of your photos: bona fide, attacks, species, subjects and one split by subject."""

from __future__ import annotations

from pathlib import Path

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.kinds import Folder, Name, Rule
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.own_folders import check_own_folders


def from_folders(
    folder: Folder | None = None,
    /,
    *,
    out: Path,
    bona_fide: tuple[Folder, ...] = (),
    attacks: tuple[Folder, ...] = (),
    mapping: Path | None = None,
    subject: Rule = "auto",
    train: float = 0.0,
    dev: float = 0.5,
    seed: int = 0,
    boxes: bool = False,
    aligner: Name = "yunet",
) -> Outcome:
    """Write the manifest of folders of your photos, and a table of which folder is what, to edit.

    Args:
        folder: one folder in which the names of folders say what is what: live and spoof, real and fake, or 0 and 1,
            also below train, dev and test; or give --bona-fide and --attacks.
        out: the manifest to write, .csv or .parquet.
        bona_fide: folders of bona fide photos.
        attacks: folders of attack photos; the species is read from the names of folders.
        mapping: table that says which folder is what, edited after a first call.
        subject: whose face a photo shows: auto (a folder below those of class and species), level:2, pattern:REGEX,
            table:FILE.csv with the columns file and subject, or photo (each shows another person).
        train: share of the subjects that train, where the folders name no splits.
        dev: share of the subjects that set the threshold; the rest tests.
        seed: of the draw of subjects.
        boxes: find the face of every photo and write its box and landmarks.
        aligner: how faces are found.
    """
    check_path(folder)
    check_own_folders(bona_fide, attacks, mapping=mapping, subject=subject, instead_of=folder)
    from facewarden.verbs.own.data import data_from_folders as run

    result = run(
        folder,
        bona_fide=bona_fide,
        attacks=attacks,
        mapping=mapping,
        subject=subject,
        train=train,
        dev=dev,
        seed=seed,
        boxes=boxes,
        aligner=aligner,
        out=out,
    )
    return Outcome(result, result.lines())


entry = from_folders
