"""Headers, separators and comments are understood alike by the reader of small and the reader of large tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.columns import read_columns, table_header
from facewarden.data.datasets.parts.protocols import read_table as read_official
from facewarden.data.own.group_table import read_groups
from facewarden.data.own.mapping import read_mapping
from facewarden.data.table import read_table, write_table
from facewarden.data.tables.column_names import column_places
from facewarden.data.tables.csv_table import separator_of
from facewarden.evaluation.score_file.comparisons import read_comparisons


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "separator"),
    [('"a, b, c";score', ";"), ('score;"a ""x, y"", z, w"', ";"), ('5" wide, score;', ","), ("a\tb,c\td", "\t")],
)
def test_separators_are_counted_outside_of_quotes(tmp_path: Path, header: str, separator: str) -> None:
    assert separator_of(header) == separator


def test_a_quoted_name_may_hold_other_separators_in_every_reader(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", '"a, b, c";score\nx;0.5\n')
    assert table_header(path) == tuple(read_table(path)) == ("a, b, c", "score")
    assert read_official(path) == [{"a, b, c": "x", "score": "0.5"}]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (" key , score", ("key", "score")),
        (",score,", ("column 1", "score", "column 3")),
        ("column 3,score,", ("column 3", "score", "unnamed column 3")),
        ("'=key,score", ("=key", "score")),
    ],
)
def test_both_readers_have_one_rule_for_headers(tmp_path: Path, header: str, names: tuple[str, ...]) -> None:
    path = written(tmp_path / "t.csv", f"{header}\n" + ",".join("1" * len(names)) + "\n")
    assert table_header(path) == names
    assert tuple(read_table(path)) == names


@pytest.mark.parametrize("header", ["key,key ", "'=key,=key", ",", " "])
def test_both_readers_refuse_the_same_headers(tmp_path: Path, header: str) -> None:
    path = written(tmp_path / "t.csv", f"{header}\n1,2\n")
    for read in (table_header, read_table):
        with pytest.raises(BadInputError, match=r"no header|twice"):
            read(path)


@pytest.mark.parametrize("header", ["k" * 200_000 + ",score", '"a"b,score', '"key,score'])
def test_both_readers_refuse_a_header_that_is_damaged(tmp_path: Path, header: str) -> None:
    path = written(tmp_path / "t.csv", f"{header}\n1,2\n")
    for read in (table_header, read_table):
        with pytest.raises(BadInputError, match="not a readable CSV table"):
            read(path)


def test_comments_are_no_rows_and_are_not_counted(tmp_path: Path) -> None:
    text = "key,score\n# cap0001,-1.25\n,0.5\n#1,1.5\n# note,2\nk3,{last}\n"
    path = written(tmp_path / "t.csv", text.format(last="2.5"))
    found = read_columns(path, numbers=["score"], texts=["key"])
    assert found.rows == len(read_table(path)["key"]) == 3
    assert found.numbers["score"].tolist() == [0.5, 1.5, 2.5]
    assert found.texts["key"].names == ("#1", "k3")
    with pytest.raises(BadInputError, match="row 3: column 'score'"):
        read_columns(written(path, text.format(last="x")), numbers=["score"])


def test_comments_of_any_number_of_cells_are_no_rows(tmp_path: Path) -> None:
    text = 'key,score\r\n# a note "\r\na,1\r\n# one, and another, of me\r\n"b\r\n# c",2\r\n# the end'
    path = written(tmp_path / "t.csv", text)
    found = read_columns(path, numbers=["score"], texts=["key"])
    assert read_table(path)["key"] == ["a", "b\r\n# c"]
    assert found.numbers["score"].tolist() == [1, 2]
    assert len(set(found.texts["key"].codes.tolist())) == 2
    with pytest.raises(BadInputError, match="not a readable table"):  # a header is no comment
        read_columns(written(path, "# note\n# key,score\na,1\n"), texts=["# note"])


def test_names_that_a_program_would_run_come_back_as_they_were(tmp_path: Path) -> None:
    names = ["=a", "# b", "'=c", "-12a", "@d", "e"]
    for suffix in ("csv", "parquet"):
        path = tmp_path / f"t.{suffix}"
        write_table(path, {"key": names})
        found = read_columns(path, texts=["key"]).texts["key"]
        assert [found.names[code] for code in found.codes] == read_table(path)["key"] == names


@pytest.mark.parametrize("text", ["score\n0,5\n", "score,label\n0,5,1\n"])
def test_decimal_commas_are_named_where_cells_do_not_fit_the_header(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "t.csv", text)
    for read in (read_table, lambda path: read_columns(path, numbers=["score"])):
        with pytest.raises(BadInputError) as caught:
            read(path)
        assert "quote cells" in caught.value.hint
        assert "decimal point" in caught.value.hint


def test_a_column_in_other_letter_case_is_read_and_two_of_them_are_refused() -> None:
    path = Path("t.csv")
    assert column_places(path, ("File", "attr_Age", "Attr_Sex"), ("file",), prefix="attr_") == {
        "file": "File", "attr_Age": "attr_Age", "attr_sex": "Attr_Sex",
    }  # fmt: skip
    assert column_places(path, ("FILE", "file"), ("file",)) == {"file": "file"}
    with pytest.raises(BadInputError, match="File and FILE are both read as file"):
        column_places(path, ("File", "FILE"), ("file",))


def test_tables_of_persons_have_columns_in_any_letter_case(tmp_path: Path) -> None:
    mapping = read_mapping(written(tmp_path / "m.csv", "Folder,Label,Species\nreal,1,\n"))
    assert mapping["real"].species == "bona_fide"
    groups = read_groups(written(tmp_path / "g.csv", "Subject,Attr_Sex\np1,f\np2,m\n"))
    assert groups.keys["subject"].names == ("p1", "p2")
    assert groups.attributes["sex"].names == ("f", "m")
    rows = "Score,SAME,Subject_A,Subject_B,Split\n0.5,same,p1,p1,dev\n0.1,0,p1,p2,test\n"
    compared = read_comparisons(written(tmp_path / "c.csv", rows), groups=None, columns={})
    assert compared.same.tolist() == [True, False]
    assert compared.test.tolist() == [False, True]


def test_a_mapping_of_many_columns_is_told_shortly(tmp_path: Path) -> None:
    path = written(tmp_path / "m.csv", ",".join(f"c{number}" for number in range(60)) + "\n")
    with pytest.raises(BadInputError, match="c19 and 40 more"):
        read_mapping(path)
