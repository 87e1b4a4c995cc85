"""Open the sealed part of a frozen plan: make the sites of the freezing commit's seed and test on them, once."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewarden.core.artifact import sha256
from facewarden.core.compute.computing import computes
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, path_of
from facewarden.core.identity.repository import commits_of
from facewarden.core.run import DONE
from facewarden.experiments.domain_generalization.kept_weights import FILE
from facewarden.experiments.domain_generalization.sealed.freeze import read_frozen, sealed_settings
from facewarden.experiments.domain_generalization.sealed.kind import FROZEN, SealedKind
from facewarden.experiments.domain_generalization.sealed.openings import begin_opening, finish_opening
from facewarden.experiments.engine.kind import CELLS, SHARED
from facewarden.experiments.engine.plan_file import PlanFile
from facewarden.verbs.bench import BenchResult, run_plan

_DIGITS = 8


@computes
@locking
def unseal(
    frozen: PathLike,
    /,
    *,
    run: PathLike,
    out: PathLike,
    again: bool = False,
    resume: bool = False,
    workers: int = 1,
    device: str = "auto",
    precision: Precision | None = None,
) -> BenchResult:
    """Test frozen detectors on sites that the freezing commit decides, and write a summary.

    A second opening is refused unless it is asked for, and is then marked: the record of openings lies beside the
    freeze file and belongs into the repository too.

    Args:
        frozen: the freeze file, committed.
        run: folder of the plan that was frozen; its weights are checked by their digests.
        out: folder to write.
        again: open although it was opened before.
        resume: go on with an opening that was cut off.
        workers: processes, each with one torch thread.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what each model's settings say.

    Raises:
        BadInputError: the file is in no commit or was changed, the code or a weight is not the frozen one, or it was
            opened before.
    """
    path, folder = path_of(frozen), path_of(out)
    whole = read_frozen(path)
    commits = commits_of(path)
    commit = commits[0]
    _check_weights(whole, path_of(run))
    if (folder / "plan.json").is_file() and not resume:
        raise BadInputError(f"{folder} holds a run already", hint="--resume to go on with it, or another --out")
    hold(folder)
    number = begin_opening(path, commits=commits, out=folder, again=again, resume=resume)
    _copy_frozen(whole, path_of(run), folder / SHARED / FROZEN)
    settings = {**sealed_settings(whole, seed=int(commit[:_DIGITS], 16)), "opening": number, "commit": commit}
    command = f"facewarden unseal {shlex.quote(path.name)} --run RUN --out {shlex.quote(folder.name)}"
    read = PlanFile(path, "sealed", settings)
    result = run_plan(read, SealedKind(), out=folder, resume=resume, workers=workers, command=command)
    if not result.failed:
        names = ("summary.json", "summary.md")
        finish_opening(path, digests={name: sha256(folder / name) for name in names})
    return result


def _check_weights(frozen: Mapping[str, Any], run: Path) -> None:
    for cell in frozen["cells"]:
        file = run / CELLS / cell["id"] / FILE
        if not file.is_file() or sha256(file) != cell["sha256"]:
            name = f"{cell['method']} / {cell['protocol']} / seed {cell['seed']}"
            raise BadInputError(
                f"{file}: not the frozen weights of {name}", hint="the folder of the run that was frozen"
            )


def _copy_frozen(frozen: Mapping[str, Any], run: Path, folder: Path) -> None:
    """Copy weights and results of the frozen cells, so that the folder of the opening stands alone."""
    try:
        for cell in frozen["cells"]:
            target = folder / cell["id"]
            target.mkdir(parents=True, exist_ok=True)
            for name in (FILE, DONE):
                with writing(target / name) as temporary:
                    shutil.copyfile(run / CELLS / cell["id"] / name, temporary)
    except OSError as error:
        where = os.fspath(folder)
        raise BadInputError(f"{where}: cannot be written: {error}", hint="a writable folder: --out DIR") from error
