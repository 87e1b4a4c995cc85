"""List files: every published format reads, damaged rows are named, prefixes go by component."""

from __future__ import annotations

from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.datasets.parts.lists import below, read_list

FOUR = ["a/color/1.jpg", "a/depth/1.jpg", "a/ir/1.jpg"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("space", [" ", "\t", "  "])
@pytest.mark.parametrize("last", [True, False])
def test_every_published_format_reads_alike(tmp_path: Path, end: str, space: str, last: bool) -> None:
    lines = [space.join([*FOUR, "1"]), space.join(["b.npz", "0"])]
    path = tmp_path / "list.txt"
    path.write_bytes((end.join(lines) + (end if last else "")).encode())
    rows = read_list(path)
    assert [(row.number, row.names, row.label) for row in rows] == [(1, tuple(FOUR), 1), (2, ("b.npz",), 0)]


def test_a_byte_order_mark_and_empty_lines_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("\ufeffa.npz 1\n\n  \nb.npz 0\n", encoding="utf-8")
    assert [(row.number, row.names[0]) for row in read_list(path)] == [(1, "a.npz"), (4, "b.npz")]


@pytest.mark.parametrize("line", ["a.npz", "a b 1", "a b c d 1", "a.npz 2", "a.npz live", "a.npz True"])
def test_a_row_of_another_form_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"ok.npz 1\n{line}\n")
    with pytest.raises(BadInputError, match="row 2") as error:
        read_list(path)
    assert "1 = bona fide" in error.value.hint


def test_an_empty_or_binary_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    for name in ("empty.txt", "binary.txt", "absent.txt"):
        with pytest.raises(BadInputError, match=name):
            read_list(tmp_path / name)


def test_a_prefix_ends_at_a_whole_component() -> None:
    heads = ("real_part", "fake_part")
    wanted = ("real_part", "real_train_part", "x")
    assert below("any/CASIA/real_part/real_train_part/x", heads) == wanted
    assert below("any/my_real_part_copy/real_part/real_train_part/x", heads) == wanted
    assert below("D:\\sets\\real_part\\real_train_part\\x", heads) == wanted
    assert below("real_part_old/x", heads) == ("real_part_old", "x")
