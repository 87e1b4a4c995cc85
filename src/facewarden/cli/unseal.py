"""Open the sealed part of a frozen plan: sites of the freezing commit's seed, tested once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from facewarden.cli.bench import outcome_of
from facewarden.cli.parts.checks import check_device, check_path
from facewarden.cli.parts.kinds import Device, Folder, Precision
from facewarden.cli.parts.outcome import Outcome


def unseal(
    frozen: Annotated[Path, "FILE.json"],
    /,
    *,
    run: Folder,
    out: Folder,
    again: bool = False,
    resume: bool = False,
    workers: int = 1,
    device: Device = "auto",
    precision: Precision | None = None,
) -> Outcome:
    """Test frozen detectors on sites that the freezing commit decides, and write a summary.

    A second opening is refused unless it is asked for, and is then marked: the record of openings lies beside the
    freeze file and belongs into the repository too. Exit code 1 when a cell failed.

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
    """
    check_path(frozen)
    check_path(run)
    check_device(device)
    from facewarden.verbs.unseal import unseal as open_it

    return outcome_of(
        open_it(
            frozen, run=run, out=out, again=again, resume=resume, workers=workers, device=device, precision=precision
        )
    )


entry = unseal
