"""Look after data: `data check PATH` finds what spoils results, `data import NAME:PATH` reads a published set."""

from __future__ import annotations

import json as _json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.data.captures import Missing
from facewarden.data.check import CheckReport, check
from facewarden.data.importing import Imported, import_captures


@dataclass(frozen=True)
class Checked:
    """A report and how to print it."""

    report: CheckReport
    json: bool


def data(
    action: Literal["check", "import"],
    source: str,
    /,
    *,
    json: bool = False,
    out: Path | None = None,
    train_list: Path | None = None,
    dev_list: Path | None = None,
    test_list: Path | None = None,
    protocol: Path | None = None,
    missing: Missing = "refuse",
    dedup: bool = False,
    extract: bool = False,
) -> Checked | Imported:
    """Look at photos or captures before they decide anything, or write the manifest of a published set of captures.

    `check` ends with exit code 1 when something is wrong. `import` takes celeba_spoof, wmca, casia_surf, casia_cefa
    and padisi in their published layouts; the same NAME:PATH also stands wherever captures are asked for.

    Args:
        action: check or import.
        source: check: a manifest, NAME:PATH, or a folder with one folder per person. import: NAME:PATH.
        json: check: print JSON.
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
            raise BadInputError("check takes no option but --json", hint="facewarden data import NAME:PATH --out FILE")
        return Checked(check(Path(source)), json)
    if out is None:
        raise BadInputError("no manifest to write", hint="--out manifest.csv")
    return import_captures(
        source, out=out, lists=lists, protocol=protocol, missing=missing, dedup=dedup, extract=extract
    )


def show(result: Checked | Imported) -> int:
    """Print the findings or the counts; 1 when a finding is a problem."""
    if isinstance(result, Imported):
        print("\n".join(result.lines()))
        return 0
    if result.json:
        print(_json.dumps(result.report.to_json(), indent=2))
    else:
        print("\n".join(result.report.lines()))
    return 0 if result.report.ok else 1


entry = data
