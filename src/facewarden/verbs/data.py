"""Care for data: `check` finds what spoils results, `import` writes the manifest of a published set."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.data.captures import Missing
from facewarden.data.checking.check import CheckReport, check
from facewarden.data.importing import Imported, import_captures


def data(
    action: Literal["check", "import"],
    source: str,
    /,
    *,
    out: Path | None = None,
    train_list: Path | None = None,
    dev_list: Path | None = None,
    test_list: Path | None = None,
    protocol: Path | None = None,
    missing: Missing = "refuse",
    dedup: bool = False,
    extract: bool = False,
) -> CheckReport | Imported:
    """Look at photos or captures before they decide anything, or write the manifest of a published set of captures.

    `check` ends with exit code 1 when something is wrong. `import` takes celeba_spoof, wmca, casia_surf, casia_cefa
    and padisi in their published layouts; the same NAME:PATH also stands wherever captures are asked for.

    Args:
        action: check or import.
        source: check: a manifest, NAME:PATH, or a folder with one folder per person. import: NAME:PATH.
        out: import: the manifest to write, .csv or .parquet.
        train_list, dev_list, test_list: import: list files (`rgb depth ir label` or `file label` a row) instead of the
            set's own rule.
        protocol: import: the set's official file of splits, where it is not in the folder.
        missing: import: what becomes of rows whose files are not there: refuse all, skip them, or mark the modality
            absent.
        dedup: import: leave repeated rows out.
        extract: import: write images out of .npz and .hdf5 files as PNG beside the manifest.
    """
    given: dict[Split, Path | None] = {"train": train_list, "dev": dev_list, "test": test_list}
    lists = {split: path for split, path in given.items() if path is not None}
    if action == "check":
        if out or lists or protocol or dedup or extract or missing != "refuse":
            raise BadInputError("check takes no such option", hint="facewarden data import NAME:PATH --out FILE")
        return check(Path(source))
    if out is None:
        raise BadInputError("no manifest to write", hint="--out manifest.csv")
    return import_captures(
        source, out=out, lists=lists, protocol=protocol, missing=missing, dedup=dedup, extract=extract
    )
