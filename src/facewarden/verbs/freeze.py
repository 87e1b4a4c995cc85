"""Freeze code, plan, settings and weights of a finished run before its sealed part is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.identity.given import PathLike, path_of
from facewarden.core.identity.repository import changed_files
from facewarden.data.results import Result
from facewarden.experiments.domain_generalization.sealed.freeze import frozen_plan


@dataclass(frozen=True, repr=False)
class FreezeResult(Result):
    """A freeze file.

    Attributes:
        path: the file; it has to be committed.
        trainings: how many trained detectors it names.
        ours: the method that will be compared.
        rivals: with which ones.
    """

    path: Path
    trainings: int
    ours: str
    rivals: tuple[str, ...]


def freeze(run: PathLike, /, *, out: PathLike) -> FreezeResult:
    """Write the freeze file of a finished plan with a sealed part.

    It holds digests of the code, the plan and every trained detector, and which rivals ours will be compared with.
    Commit it: the first eight digits of that commit are the seed of the sealed sites, which nobody knows before.

    Args:
        run: folder of a plan of kind presentation that was run to its end.
        out: file to write, in a git repository.

    Raises:
        BadInputError: the plan has no sealed part, a training is missing, the file is there already, its folder is in
            no git repository, or files of that repository differ from its commit.
    """
    path = path_of(out)
    if path.exists():
        raise BadInputError(f"{path}: is there already", hint="another --out: a freeze file is never replaced")
    home = path.resolve().parent
    if not home.is_dir():
        raise BadInputError(f"{home}: no such folder", hint="make it first: it must be in a git repository")
    changed = changed_files(home)
    if changed:
        raise BadInputError(
            f"{len(changed)} files differ from the commit, first {changed[0]}", hint="git commit, then freeze"
        )
    frozen = frozen_plan(path_of(run), repository=home)
    try:
        write_json(path, frozen)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error}", hint="a writable folder") from error
    compared = frozen["compared"]
    return FreezeResult(path, len(frozen["cells"]), compared["ours"], tuple(compared["rivals"]))
