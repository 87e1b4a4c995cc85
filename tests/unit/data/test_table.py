from __future__ import annotations

import csv
import os
from pathlib import Path

import duckdb
import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import LimitError
from facewarden.data.table import read_table, write_table

COLUMNS = {
    "key": ["a", 'b,"c"', "naïve\nline"],
    "score": [1.5, None, -2.0],
    "label": [1, 0, 1],
    "shown": [True, False, None],
}


def test_parquet_keeps_values_types_and_order(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", COLUMNS)
    assert read_table(tmp_path / "t.parquet") == COLUMNS
    assert [type(value) for value in read_table(tmp_path / "t.parquet")["label"]] == [int, int, int]


def test_csv_gives_text_and_none(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", COLUMNS)
    read = read_table(tmp_path / "t.csv")
    assert read["key"] == COLUMNS["key"]
    assert read["score"] == ["1.5", None, "-2.0"]
    assert read["shown"] == ["True", "False", None]


def test_numpy_columns_and_an_empty_table(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", {"x": np.arange(3), "y": np.float32([0.5, 1.5, 2.5])})
    assert read_table(tmp_path / "t.parquet") == {"x": [0, 1, 2], "y": [0.5, 1.5, 2.5]}
    write_table(tmp_path / "e.parquet", {"x": [], "y": []})
    assert read_table(tmp_path / "e.parquet") == {"x": [], "y": []}


def test_a_column_whose_first_thousands_are_missing_keeps_its_type(tmp_path: Path) -> None:
    values = [None] * 5000 + [2.5]
    write_table(tmp_path / "t.parquet", {"x": values, "s": [None] * 5000 + ["end"], "n": [None] * 5001})
    read = read_table(tmp_path / "t.parquet")
    assert read["x"] == values
    assert read["s"][-1] == "end"
    assert set(read["n"]) == {None}


def test_odd_column_and_file_names(tmp_path: Path) -> None:
    path = tmp_path / "a'[b]*?.parquet"
    write_table(path, {'we"ird': [1], "Key": [2], "key_": [3]})
    assert read_table(path) == {'we"ird': [1], "Key": [2], "key_": [3]}
    assert list(tmp_path.iterdir()) == [path]  # no temporary file is left


@pytest.mark.skipif(os.name != "posix", reason="names that are not UTF-8 exist on POSIX only")
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_file_name_that_is_not_utf8(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / os.fsdecode(b"gr\xfc\xdfe")
    write_table(folder / os.fsdecode(b"\xff." + suffix.encode()), {"x": ["1"]})
    assert read_table(folder / os.fsdecode(b"\xff." + suffix.encode())) == {"x": ["1"]}


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_text_that_is_not_utf8_is_written_with_its_bytes_escaped(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / name, {"rgb": ["a", "b\udcff", "grün"]})
    assert read_table(tmp_path / name) == {"rgb": ["a", "b\\xff", "grün"]}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"a": [1, 2], "b": [1]}, "equally long"),
        ({}, "equally long"),
        ({"a": [1, "x"]}, "'a' holds int, str"),
        ({"a": [object()]}, "'a' holds object"),
        ({"a": [2**70]}, "64 bits"),
    ],
)
def test_columns_that_are_no_table(tmp_path: Path, columns: dict[str, list[object]], reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        write_table(tmp_path / "t.parquet", columns)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_table(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", {"a": ["old"]})
    with pytest.raises(BadInputError):
        write_table(tmp_path / "t.csv", {"a": [2**70]})
    assert read_table(tmp_path / "t.csv") == {"a": ["old"]}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.parquet", b"", "zero bytes"),
        ("t.parquet", b"PAR1 nonsense PAR1", "Parquet"),
        ("t.csv", b"", "zero bytes"),
        ("t.csv", b"a,b\n1,\xff\xfe\n", "utf-8"),
        ("t.csv", b"a,b\n1,2\n3\n", "row 2 has 1 cells, the header has 2"),
        ("t.csv", b"a,a\n1,2\n", "a twice"),
        ("t.csv", b'a\n"open', "CSV"),
        ("t.csv", b"\n\n", "no header"),
        ("t.csv", b"a\n" + b"x" * (2 << 20), "CSV"),
        ("t.txt", b"a\n1\n", "unknown kind"),
    ],
)
def test_garbage_is_refused_by_name(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=reason) as raised:
        read_table(tmp_path / name)
    assert name in str(raised.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "absent.parquet", tmp_path / "folder.csv", Path("nul\0.csv")):
        with pytest.raises(BadInputError):
            read_table(path)
    with pytest.raises(BadInputError, match="cannot be written"):
        write_table(tmp_path / ("long" * 100 + ".csv"), {"a": [1]})
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInputError, match="cannot be written"):
        write_table(tmp_path / "file" / "t.csv", {"a": [1]})


def test_csv_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\ufeffkey,label\r\nx,1\r\n".encode())
    assert read_table(tmp_path / "t.csv") == {"key": ["x"], "label": ["1"]}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_cells_that_a_spreadsheet_would_run_or_that_tear_a_row_come_back(suffix: str, tmp_path: Path) -> None:
    cells = ["=1+1", "+A2", "-A3", "@sum", "'=x", "''-x", "'quoted", "a\rb", "a\nb", "\tx", 'say "so"', "plain", "a,b"]
    path = tmp_path / f"t{suffix}"
    write_table(path, {"=key": cells, "value": [-1.5] * len(cells)})
    table = read_table(path)
    assert table["=key"] == cells
    assert [float(value) for value in table["value"]] == [-1.5] * len(cells)
    if suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert len(rows) == len(cells) + 1
        assert not [cell for row in rows for cell in row[:1] if cell.startswith(("=", "+", "-", "@", "\t"))]


def test_tables_that_are_small_on_the_disk_and_endless_in_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb.sql(f"COPY (SELECT repeat('x', 1000) AS a FROM range(100000)) TO '{tmp_path}/a.parquet'")
    duckdb.sql(f"COPY (SELECT repeat('x', 2000000) AS a) TO '{tmp_path}/b.parquet'")
    (tmp_path / "c.csv").write_text(",".join(f"c{number}" for number in range(20_000)) + "\n")
    (tmp_path / "d.csv").write_text("a\n" + "1\n" * 200)
    with (tmp_path / "e.csv").open("w") as file:
        file.truncate(2**40)
    monkeypatch.setenv("FACEWARDEN_LIMIT_TABLE_BYTES", "50000000")
    monkeypatch.setenv("FACEWARDEN_LIMIT_TABLE_ROWS", "100000")
    for name, message in (
        ("a.parquet", "bytes, the limit is 50,000,000"),
        ("b.parquet", "2,000,000 characters, the limit is 1,048,576"),
        ("c.csv", "20,000 columns, the limit is 10,000"),
        ("e.csv", "bytes, the limit is 50,000,000"),
    ):
        with pytest.raises(LimitError, match=message) as caught:
            read_table(tmp_path / name)
        assert name in caught.value.message
    monkeypatch.setenv("FACEWARDEN_LIMIT_TABLE_ROWS", "100")
    with pytest.raises(LimitError, match="101 rows, the limit is 100"):
        read_table(tmp_path / "d.csv")


def test_a_negative_number_in_a_column_of_text_stays_a_number_for_other_readers(tmp_path: Path) -> None:
    cells = ["-107", "+1.5e3", "-.5", "-1+2", "-"]
    write_table(tmp_path / "t.csv", {"bend": cells})
    written = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert written == ["-107", "+1.5e3", "-.5", "'-1+2", "'-"]
    assert read_table(tmp_path / "t.csv")["bend"] == cells
