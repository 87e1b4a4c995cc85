"""Manifests and tables of scores of the fuzz corpus, as CSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from PIL import Image

from fuzz.case import DAMAGES, DroppedError, Family, FuzzInput, Wants, command_line, damaged, one

Rows = list[list[Any]]
MANIFEST = ["key", "domain", "subject", "label", "species", "split", "rgb", "x0", "y0", "x1", "y1"]
SCORES = ["key", "score", "label", "species", "subject", "domain", "split", "illumination", "simulated"]
CELLS: list[Any] = [
    "",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "2",
    "1.5",
    "0x10",
    "9" * 400,
    "x" * 70_000,
    "a\x00b",
    "a\rb",
    "a\nb",
    "=1+1",
    "@SUM(A1)",
    "'=1",
    "\x1b[2J",
    "\u202eabc",
    "ü",
    "\u0661",
    "true",
    "null",
    "None",
    " 1",
    "1 ",
    "1_0",
    "../../x",
    "/",
    "a" * 300,
    "\ud7ff",
    "\U0001f600",
    ",",
    '"',
    "live",
    "bona fide",
    "1,0",
    "\t1",
    "\ufeff1",
]


def manifest_rows(rng: np.random.Generator) -> Rows:
    """Rows of a manifest whose pictures are in its folder."""
    rows: Rows = [list(MANIFEST)]
    for number in range(int(rng.integers(4, 13))):
        label, split = number % 2, ("train", "dev", "test")[number % 3]
        species = "bona_fide" if label else "print"
        rows.append([f"k{number}", "d", f"s{number}", label, species, split, f"a{number}.png", 2, 3, 40, 44])
    return rows


def score_rows(rng: np.random.Generator) -> Rows:
    """Rows of a table of scores with both classes in dev and test."""
    rows: Rows = [list(SCORES)]
    for number in range(48):
        label, split = number % 2, ("dev", "test")[(number // 2) % 2]
        score = round(float(rng.normal(2 * label - 1, 0.7)), 5)
        species = "bona_fide" if label else one(rng, ["print", "replay"])
        rows.append([f"k{number}", score, label, species, f"s{split}{number}", "d", split, "", "false"])
    return rows


def as_csv(rows: Rows) -> bytes:
    """Rows as a table that quotes what it must."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode("utf-8", "surrogatepass")


def as_parquet(rows: Rows, path: Path, *, casts: dict[str, str] | None = None) -> None:
    """Rows as a Parquet file, columns cast to types of SQL."""
    names = [f"c{index}" for index in range(len(rows[0]))]
    arrays = {name: _column([row[at] for row in rows[1:]]) for at, name in enumerate(names)}
    chosen = [
        f'{(casts or {}).get(str(title), "{}").format(name)} AS "{title}"'
        for name, title in zip(names, rows[0], strict=True)
    ]
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.register("arrays", arrays)
        connection.execute(f"COPY (SELECT {', '.join(chosen)} FROM arrays) TO '{path}' (FORMAT parquet)")


def _column(values: list[Any]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):  # not one array of letters, each as wide as the longest
        return np.array([str(value) for value in values], dtype=object)
    return np.array(values)


def input_of(path: Path, use: str, wants: Wants = "any", *, rows: int | None = None) -> FuzzInput:
    """A table that is read as a manifest or as scores; every row of it, where their number is known."""
    if use == "manifest":
        for number in range(12):
            levels = np.random.default_rng(number).integers(0, 256, (60, 64, 3), dtype=np.uint8)
            Image.fromarray(levels).save(path.with_name(f"a{number}.png"))
        return FuzzInput(partial(_read_manifest, path, rows), (path.name,), wants)
    return FuzzInput(partial(_read_scores, path), (path.name,), wants)


def _read_manifest(path: Path, rows: int | None) -> None:
    from facewarden.data.loading import Skipped, iter_batches
    from facewarden.data.manifest import Manifest

    command_line("data", "check", str(path), "--json")
    found = Manifest.read(path)
    if rows is not None and len(found) != rows:
        raise DroppedError(f"{len(found)} of {rows} rows")
    skipped: list[Skipped] = []
    batches = iter_batches(found, 4, root=found.root, modalities=("rgb",), on_error="skip", skipped=skipped)
    read = sum(len(batch) for batch in batches)
    if read + len(skipped) != len(found) or not all(item.reason and item.key for item in skipped):
        raise DroppedError(f"{read} samples read and {len(skipped)} named of {len(found)}")
    found.write(path.with_name("again.csv"))
    if Manifest.read(path.with_name("again.csv")).rows != found.rows:
        raise DroppedError("written again, the manifest differs")


def _read_scores(path: Path) -> None:
    command_line("evaluate", "presentation", "--scores", str(path), "--out", str(path.with_name("evaluated")))


def _rows(rng: np.random.Generator, use: str) -> Rows:
    return manifest_rows(rng) if use == "manifest" else score_rows(rng)


def _damaged(use: str, form: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    path, rows = folder / f"table.{form}", _rows(rng, use)
    if form == "csv":
        path.write_bytes(as_csv(rows))
    else:
        as_parquet(rows, path)
    path.write_bytes(damaged(rng, path.read_bytes(), one(rng, DAMAGES)))
    return input_of(path, use)


def _cells(use: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    rows = _rows(rng, use)
    for _ in range(int(rng.integers(1, 4))):
        rows[int(rng.integers(1, len(rows)))][int(rng.integers(len(rows[0])))] = one(rng, CELLS)
    path = folder / "table.csv"
    path.write_bytes(as_csv(rows))
    return input_of(path, use, rows=len(rows) - 1)


def _huge_cell(use: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    rows = _rows(rng, use)
    cell = one(rng, ["x", '"', "ü", "1", "\n"]) * int(rng.integers(1_100_000, 6_000_000))
    rows[int(rng.integers(0, len(rows)))][int(rng.integers(len(rows[0])))] = cell
    path = folder / f"table.{one(rng, ['csv', 'parquet'])}"
    if path.suffix == ".csv":
        path.write_bytes(as_csv(rows))
    else:
        rows[0] = [name[:60].strip('"') or "x" for name in rows[0]]
        as_parquet(rows, path)
    return input_of(path, use)


def _columns(use: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    rows, change = _rows(rng, use), one(rng, ["twice", "gone", "renamed", "empty", "odd", "reversed"])
    at = int(rng.integers(7 if use == "manifest" else len(rows[0])))
    wants: Wants = "refused" if change in ("twice", "gone") else "any"
    if change == "twice":
        rows = [[*row, row[at]] for row in rows]
    elif change == "gone":
        rows = [row[:at] + row[at + 1 :] for row in rows]
    elif change == "reversed":
        rows, wants = [row[::-1] for row in rows], "read"
    else:
        rows[0][at] = {"renamed": f"{rows[0][at]}s", "empty": "", "odd": one(rng, CELLS[5:])}[change]
    path = folder / "table.csv"
    path.write_bytes(as_csv(rows))
    return input_of(path, use, wants)


def _layout(use: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    """Other separators, ends of lines, encodings and quotes than those of a CSV file of today."""
    rows = _rows(rng, use)
    text = as_csv(rows).decode()
    changes: Sequence[tuple[Callable[[], bytes], Wants]] = [
        (lambda: text.replace(",", ";").encode(), "read"),
        (lambda: text.replace(",", "\t").encode(), "read"),
        (lambda: text.replace("\n", "\r\n").encode(), "read"),
        (lambda: b"\xef\xbb\xbf" + text.encode(), "read"),
        (lambda: text.replace("\n", "\r").encode(), "any"),
        (lambda: text.encode("utf-16"), "refused"),
        (lambda: text.replace("k1", "k\xfc").encode("latin-1"), "refused"),
        (lambda: text.strip().encode(), "read"),
        (lambda: text.replace("\n", "\n\n").encode(), "any"),
        (lambda: (text + '"').encode(), "refused"),
        (lambda: (text + "a,b\n").encode(), "refused"),
        (lambda: text.replace(",d,", ',"d,').encode(), "refused"),
        (lambda: (text + "\x00" * 50).encode(), "refused"),
        (lambda: text.split("\n", 1)[0].encode(), "refused"),
        (lambda: b"sep=,\n" + text.encode(), "refused"),
        (lambda: b"", "refused"),
        (lambda: b"\n\n", "refused"),
    ]
    make, wants = one(rng, changes)
    path = folder / "table.csv"
    path.write_bytes(make())
    return input_of(path, use, wants, rows=len(rows) - 1 if wants == "read" else None)


def _types(use: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    """A Parquet file with columns of types that nobody expects there."""
    casts = [
        "[{}]",
        "{{'a': {}}}",
        "CAST({} AS VARCHAR)",
        "NULL",
        "CAST('NaN' AS DOUBLE)",
        "TRUE",
        "CURRENT_DATE",
        "CAST(CAST({} AS VARCHAR) AS BLOB)",
        "CAST('infinity' AS DOUBLE)",
        "170141183460469231731687303715884105727",
        "CAST(1 AS DECIMAL(38, 10))",
        "INTERVAL 1 DAY",
        "uuid()",
        "MAP([1], [2])",
        "TIME '01:02:03'",
        "repeat('x', 999)",
        "TIMESTAMPTZ '2020-01-01 00:00:00+00'",
        "chr(0)",
        "1e308",
        "-0.0",
        "CAST(1 AS UTINYINT)",
    ]
    rows, path = _rows(rng, use), folder / "table.parquet"
    names = [str(name) for name in rng.choice(rows[0], int(rng.integers(1, 3)), replace=False)]
    as_parquet(rows, path, casts={name: one(rng, casts) for name in names})
    return input_of(path, use, rows=len(rows) - 1)


def _many(use: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    """A small Parquet file of very many equal rows or columns; the largest ones are few, they take seconds."""
    path = folder / "table.parquet"
    count = 30_000_000 if rng.random() < 0.1 else int(rng.integers(1_000, 20_000))
    select = f"SELECT 'k' AS key, 1 AS label, repeat('x', 100) AS species FROM range({count})"
    if rng.random() < 0.3:
        select = "SELECT " + ", ".join(f"{index} AS c{index}" for index in range(int(rng.integers(200, 3000))))
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return input_of(path, use, "refused")


def _no_table(use: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    path = folder / one(rng, ["table.csv", "table.parquet", "table.tsv", "table.xlsx", "table"])
    make: Callable[[], Any] = one(
        rng, [path.mkdir, lambda: path.symlink_to(path.name), lambda: path.write_bytes(b"PAR1PAR1"), lambda: None]
    )
    make()
    return input_of(path, use, "refused")


FAMILIES: dict[str, Family] = {
    f"{use}: {name}": partial(make, use)
    for name, make in {
        "cells": _cells,
        "layout": _layout,
        "columns": _columns,
        "types": _types,
        "damaged CSV": lambda use, rng, folder: _damaged(use, "csv", rng, folder),
        "damaged Parquet": lambda use, rng, folder: _damaged(use, "parquet", rng, folder),
        "huge cell": _huge_cell,
        "many rows or columns": _many,
        "no table": _no_table,
    }.items()
    for use in ("manifest", "scores")
}
