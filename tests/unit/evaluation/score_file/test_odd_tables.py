"""Tables as spreadsheets, databases and pandas write them: read for what they say, or refused with what to type."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import facewarden
from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.evaluation.score_file.rows import ScoredRows, read_scored_rows

Cell = Callable[[int], object]


def lines(header: str, row: Callable[[int], str], *, n: int = 40) -> str:
    return "\n".join([header, *map(row, range(n))]) + "\n"


def score(i: int) -> float:
    return i % 2 + math.sin(i)


def read(folder: Path, text: str | bytes, *, name: str = "t.csv") -> ScoredRows:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_scored_rows(path)


PLAIN = lines("score,label", lambda i: f"{score(i):.3f},{i % 2}")


@pytest.mark.parametrize(
    "text",
    [
        lines("Score,LABEL", lambda i: f"{score(i):.3f},{i % 2}"),
        lines(",score,label", lambda i: f"{i},{score(i):.3f},{i % 2}"),
        lines("score,label,", lambda i: f"{score(i):.3f},{i % 2},"),
        lines(",score,label,", lambda i: f"{i},{score(i):.3f},{i % 2},"),
        lines("score,label", lambda i: f"{score(i):.3f},{['Presentation Attack', 'Bona-Fide'][i % 2]}"),
        lines("score,label", lambda i: f"{score(i):.3f},{['imposter', 'Client'][i % 2]}"),
        lines("score,label,Score", lambda i: f"{score(i):.3f},{i % 2},{i}"),  # the name as it is read goes first
    ],
    ids=["case", "index of pandas", "comma at the end", "both", "hyphen", "words of folders", "two cases"],
)
def test_a_table_that_says_the_same_gives_the_same_rows(tmp_path: Path, text: str) -> None:
    plain, odd = read(tmp_path, PLAIN), read(tmp_path, text)
    assert odd.score.tolist() == plain.score.tolist()
    assert odd.bona_fide.tolist() == plain.bona_fide.tolist()


def test_words_for_no_value_are_no_responses(tmp_path: Path) -> None:
    words = ["NULL", "null", "NA", "N/A", "n/a", "nan", "None", ""]
    rows = read(tmp_path, lines("score,label", lambda i: f"{words[i] if i < 8 else score(i)},{i % 2}"))
    assert (~rows.answered).sum() == 8


def test_spellings_of_one_species_are_one_species_and_are_told(tmp_path: Path) -> None:
    kinds = ["Print", "print", "PRINT ", "Maske A", "maske-a"]
    text = lines("score,label,species", lambda i: f"{score(i):.3f},{i % 2},{'' if i % 2 else kinds[i % 5]}")
    rows = read(tmp_path, text)
    names = Counter(rows.species.names[code] for code in rows.species.codes if code >= 0)
    assert names == {"print": 12, "Maske A": 8}
    assert rows.remarks == (
        "Species are spelled in more than one way and counted as one: Maske A, maske-a; PRINT, Print, print.",
    )
    found = facewarden.evaluate_scores(tmp_path / "t.csv", rounds=20)
    assert rows.remarks[0] in found.warnings


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("score,label,species", lambda i: f"{score(i)},{i % 2},{['live', 'print'][i % 2]}", "species live contradicts"),
        ("score,label,species", lambda i: f"{score(i)},{i % 2},{['Real', ''][i % 2]}", "species Real contradicts"),
        ("score,label,species", lambda i: f"{score(i)},{i % 2},{['', 'mask'][i % 2]}", "bona fide rows alone"),
    ],
)
def test_labels_that_the_species_contradict_are_refused(
    tmp_path: Path, header: str, row: Callable[[int], str], says: str
) -> None:
    with pytest.raises(BadInputError, match=says) as told:
        read(tmp_path, lines(header, row))
    assert "exchange the labels" in told.value.hint


def test_words_that_name_no_instrument_may_stand_at_bona_fide_rows(tmp_path: Path) -> None:
    words = ["live", "none", "-", "bonafide", "n/a"]
    text = lines("score,label,species", lambda i: f"{score(i)},{i % 2},{words[i % 5] if i % 2 else ''}")
    assert set(read(tmp_path, text).species.codes[1::2]) == {-1}


@pytest.mark.parametrize(
    ("text", "name", "says", "hint"),
    [
        ("liveness_score,ground_truth\n1,1\n", "a.csv", "no column score, label",
         "--column score=liveness_score label=ground_truth"),
        ("p_live,is_real\n1,1\n", "a.csv", "no column", "--column score=p_live label=is_real"),
        ("a,b\n1,1\n", "a.csv", "no column", "--column score=COLUMN label=COLUMN"),
        ("label,result\n1,1\n", "a.csv", "no column score;", "--column score=COLUMN"),
        ("score|label\n1|1\n", "a.csv", "one column alone", "commas, semicolons or tabs"),
        ("# of a vendor\nscore,label\n1,1\n", "a.csv", "one column alone", "first line"),
        (b"PK\x03\x04" + bytes(300), "a.csv", "no text", "CSV"),
        (PLAIN, "a.xlsx", "unknown kind", "save it as CSV"),
        (PLAIN, "a.csv.gz", "unknown kind", "unpack"),
        ("score,label\n50%,1\n", "a.csv", "holds no number", "no units"),
        (",".join(f"column_{i}" for i in range(400)) + "\n", "a.csv", r"and 380 more", "--column"),
    ],
    ids=["vendor", "other words", "none", "half", "pipes", "preamble", "workbook", "xlsx", "gz", "percent", "many"],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_what_to_type(
    tmp_path: Path, text: str | bytes, name: str, says: str, hint: str
) -> None:
    with pytest.raises(BadInputError, match=says) as told:
        read(tmp_path, text, name=name)
    assert hint in told.value.hint
    assert len(told.value.message) < 600


def test_a_half_without_a_class_says_how_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(lines("score,label,subject", lambda i: f"{score(i)},{i % 2},anna"))
    with pytest.raises(BadInputError, match=r"half of the subjects \(1 in all\)") as told:
        facewarden.evaluate_scores(tmp_path / "t.csv")
    assert "--threshold" in told.value.hint
    (tmp_path / "t.csv").write_text("score,label\n1,1\n0,0\n")
    with pytest.raises(BadInputError, match=r"half of the rows \(2 in all\)"):
        facewarden.evaluate_scores(tmp_path / "t.csv")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_threshold_that_is_no_number_is_refused(tmp_path: Path, value: float) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    with pytest.raises(BadInputError, match="threshold"):
        facewarden.evaluate_scores(tmp_path / "t.csv", threshold=value)
    with pytest.raises(BadInputError, match="threshold"):
        facewarden.compare([tmp_path / "t.csv", tmp_path / "t.csv"], threshold=(0.5, value))
    (tmp_path / "pairs.csv").write_text("score,same,subject_a,subject_b\n0.9,1,a,a\n0.3,0,a,b\n")
    with pytest.raises(BadInputError, match="threshold"):
        facewarden.evaluate_comparisons(tmp_path / "pairs.csv", threshold=value)


@pytest.mark.parametrize("words", [["--threshold", "nan"], ["--threshold", "inf"]])
def test_the_command_line_refuses_numbers_that_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    assert main(["evaluate", "scores", str(tmp_path / "t.csv"), *words]) == 2
    assert "--threshold is" in capsys.readouterr().err


def test_a_table_is_no_audit(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    with pytest.raises(BadInputError, match="a table is no audit") as told:
        facewarden.report(tmp_path / "t.csv")
    assert "--form lab" in told.value.hint


def test_a_species_that_only_the_laboratory_names_is_refused(tmp_path: Path) -> None:
    text = lines("score,label,species", lambda i: f"{score(i)},{i % 2},{'' if i % 2 else 'print'}")
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "lab.json").write_text('{"threshold": 0.5, "species": {"prints": {"kind": "simple"}}}')
    with pytest.raises(BadInputError, match=r"lab\.json: species\.prints: no record") as told:
        facewarden.report(tmp_path / "t.csv", form="lab", lab=tmp_path / "lab.json", out=tmp_path / "out")
    assert told.value.hint == "one of print"


def test_the_laboratory_is_told_what_the_page_of_scores_says(tmp_path: Path) -> None:
    text = lines(
        "score,label,subject,species", lambda i: f"{-score(i)},{i % 2},s{i},{['Print', '', 'print', ''][i % 4]}"
    )
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "lab.json").write_text('{"threshold": 0.5}')
    page = facewarden.report(tmp_path / "t.csv", form="lab", lab=tmp_path / "lab.json", out=tmp_path / "out")
    told = page.read_text(encoding="utf-8")
    assert "The scores look reversed" in told
    assert "counted as one: Print, print" in told


def test_records_of_a_laboratory_are_told_to_be_renamed_since_the_report_takes_no_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("liveness_score,truth\n1,1\n")
    with pytest.raises(BadInputError, match="no column score, label") as told:
        facewarden.report(tmp_path / "t.csv", form="lab", out=tmp_path / "out")
    assert told.value.hint == "rename in the table liveness_score to score, truth to label"


def test_a_page_that_would_be_written_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(PLAIN)
    (tmp_path / "p.csv").write_text("score,same,subject_a,subject_b\n0.9,1,a,a\n0.3,0,a,b\n")
    for call in (
        lambda: facewarden.evaluate_scores(tmp_path / "t.csv", form=["pdf"]),
        lambda: facewarden.compare([tmp_path / "t.csv", tmp_path / "t.csv"], form=["markdown"]),
        lambda: facewarden.evaluate_comparisons(tmp_path / "p.csv", threshold=0.5, form=["pdf"]),
        lambda: facewarden.plan_test(claim=["apcer=0.07"], form=["pdf"]),
    ):
        with pytest.raises(BadInputError, match="no folder for it") as told:
            call()
        assert told.value.hint == "--out FOLDER"
