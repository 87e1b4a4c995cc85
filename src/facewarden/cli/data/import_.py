"""Write the manifest of a published set of captures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_path, check_sets
from facewarden.cli.parts.outcome import Outcome


def import_(
    source: Annotated[str, "NAME:PATH"],
    /,
    *,
    out: Path,
    train_list: Path | None = None,
    dev_list: Path | None = None,
    test_list: Path | None = None,
    protocol: Path | None = None,
    missing: Literal["refuse", "skip", "absent"] = "refuse",
    dedup: bool = False,
    extract: bool = False,
) -> Outcome:
    """Write the manifest of a published set: celeba_spoof, wmca, casia_surf, casia_cefa or padisi in their layouts.

    The same NAME:PATH is accepted wherever captures are named.

    Args:
        source: the set and its folder.
        out: the manifest to write, .csv or .parquet.
        train_list, dev_list, test_list: list file (`rgb depth ir label` or `file label` per row) instead of the set's
            own rule.
        protocol: the set's official file of splits, where it is not in the folder.
        missing: rows whose files are not there: refuse all, skip them, or mark the modality absent.
        dedup: leave repeated rows out.
        extract: write images out of .npz and .hdf5 files as PNG beside the manifest.
    """
    check_sets([source])
    for path in (train_list, dev_list, test_list, protocol):
        check_path(path)
    from facewarden.core.labels import Split
    from facewarden.data.importing import import_captures

    given: dict[Split, Path | None] = {"train": train_list, "dev": dev_list, "test": test_list}
    result = import_captures(
        source,
        out=out,
        lists={split: path for split, path in given.items() if path is not None},
        protocol=protocol,
        missing=missing,
        dedup=dedup,
        extract=extract,
    )
    found = {"manifest": result.out, "rows": len(result.manifest), "notes": result.manifest.notes}
    return Outcome(found, result.lines())


entry = import_
