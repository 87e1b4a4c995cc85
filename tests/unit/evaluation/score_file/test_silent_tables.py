"""What a table says in an odd way is counted as it is meant, refused, or told: nothing is dropped without a word."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import facewarden
from facewarden.core.errors import BadInputError
from facewarden.data.alike_names import alike_words
from facewarden.evaluation.score_file.rows import ScoredRows, read_scored_rows


def read(folder: Path, header: str, row: Callable[[int], str], *, n: int = 40, **more: object) -> ScoredRows:
    path = folder / "t.csv"
    path.write_text("\n".join([header, *map(row, range(n))]) + "\n", encoding="utf-8")
    return read_scored_rows(path, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("higher", ["bona_fide", "attack"])
def test_an_infinite_score_is_a_response_beyond_every_other(tmp_path: Path, higher: str) -> None:
    rng = np.random.default_rng(0)
    label = np.arange(400) % 2
    score = rng.normal(0, 1, 400) + 2 * label
    score[[1, 2, 4, 7]] = [math.inf, -math.inf, math.inf, -math.inf]
    sign = 1 if higher == "bona_fide" else -1
    cells = [f"{sign * value!r}".replace("np.float64(", "").rstrip(")") for value in score.tolist()]
    (tmp_path / "t.csv").write_text("score,label\n" + "".join(f"{c},{y}\n" for c, y in zip(cells, label, strict=True)))
    found = facewarden.evaluate_scores(
        tmp_path / "t.csv",
        threshold=sign * 3.0,
        higher=higher,
        out=tmp_path / "out",  # type: ignore[arg-type]
    )
    rates = {metric.name: metric for metric in found.metrics if not metric.group}
    assert rates["bpcer"].value == np.mean(score[label == 1] < 3.0)
    assert rates["apcer_worst_species"].value == np.mean(score[label == 0] >= 3.0)
    assert rates["apcer_worst_species"].n == 200
    ranks = np.clip(score, -1e6, 1e6)
    assert rates["auc"].value == pytest.approx(roc_auc_score(label, ranks))
    assert "Infinite scores: 4" in " ".join(found.warnings)


def test_infinite_comparison_scores_are_comparisons(tmp_path: Path) -> None:
    rows = [(0.9, 1, "a", "a"), (math.inf, 1, "b", "b"), (-math.inf, 0, "a", "b"), (0.2, 0, "b", "c")]
    (tmp_path / "p.csv").write_text(
        "score,same,subject_a,subject_b\n" + "".join(f"{s},{y},{a},{b}\n" for s, y, a, b in rows)
    )
    found = facewarden.evaluate_comparisons(tmp_path / "p.csv", threshold=0.5)
    assert (found.no_score, found.fmr.n, found.fnmr.n) == (0, 2, 2)
    assert found.fmr.value == found.fnmr.value == 0


def test_rows_without_a_key_are_no_repeats(tmp_path: Path) -> None:
    none = read(tmp_path, "key,score,label", lambda i: f",0.5,{i % 2}")
    assert (len(none), none.repeated, none.key) == (40, 0, None)
    some = read(tmp_path, "key,score,label", lambda i: f"{'' if i < 20 else 'k'},0.5,{1 if i > 19 else i % 2}")
    assert (len(some), some.repeated) == (21, 19)


@pytest.mark.parametrize("again", [" k7", "k7 ", "k7\u00a0"])
def test_a_key_with_blanks_at_its_ends_is_the_same_key(tmp_path: Path, again: str) -> None:
    rows = read(
        tmp_path,
        "key,score,label",
        lambda i: f"{again if i == 40 else f'k{i}'},{i if i < 40 else 7},{i % 2 if i < 40 else 1}",
        n=41,
    )
    assert (len(rows), rows.repeated) == (40, 1)


def test_a_key_in_the_other_spelling_of_an_accent_is_the_same_key(tmp_path: Path) -> None:
    spelled = ("Jos\u00e9", "Jose\u0301")
    rows = read(tmp_path, "key,score,label", lambda i: f"{spelled[i]},0.5,1", n=2)
    assert (len(rows), rows.repeated) == (1, 1)


def test_numbers_are_those_that_spreadsheets_read(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="row 3: column 'score' holds no number"):
        read(tmp_path, "score,label", lambda i: f"{'1_000' if i == 2 else i},{i % 2}")


@pytest.mark.parametrize("name", ["is_spoof", "Is Attack", "fake", "is-PA"])
@pytest.mark.parametrize("words", [("0", "1"), ("False", "True")])
def test_a_column_of_flags_of_attacks_is_read_so_and_told(tmp_path: Path, name: str, words: tuple[str, str]) -> None:
    plain = read(tmp_path, "score,label", lambda i: f"{i},{i % 2}")
    turned = read(tmp_path, f"score,{name}", lambda i: f"{i},{words[1 - i % 2]}", columns={"label": name})
    assert turned.bona_fide.tolist() == plain.bona_fide.tolist()
    assert any("1 is taken as an attack" in told for told in turned.remarks)


def test_words_in_a_column_named_after_attacks_say_themselves_what_they_mean(tmp_path: Path) -> None:
    rows = read(tmp_path, "score,spoof", lambda i: f"{i},{['spoof', 'live'][i % 2]}", columns={"label": "spoof"})
    assert rows.bona_fide.tolist() == [bool(i % 2) for i in range(40)]
    assert not rows.remarks


def test_a_column_of_attacks_is_told_to_be_turned_where_it_must_be_renamed(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as told:
        read(tmp_path, "score,is_spoof", lambda i: f"{i},{i % 2}", renamable=False)
    assert "exchange its values" in told.value.hint


def test_a_word_that_does_not_say_whether_scores_are_simulated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="row 2: unknown simulated 'rendered'"):
        read(tmp_path, "score,label,simulated", lambda i: f"{i},{i % 2},{'rendered' if i == 1 else ''}")
    assert read(tmp_path, "score,label,simulated", lambda i: f"{i},{i % 2},{'True' if i == 1 else ''}").simulated


def test_people_whose_names_are_probably_one_are_told(tmp_path: Path) -> None:
    rows = read(tmp_path, "score,label,subject", lambda i: f"{i},{i % 2},{['001', '1', 'Ann', 'ann'][i % 4]}")
    assert rows.remarks == (
        "Subjects that differ in letter case or leading zeros alone count as different: 001, 1; Ann, ann.",
    )
    assert alike_words(["a10", "a1", "b0", "b00c"], what="Subjects") == ""


def test_columns_that_make_no_groups_are_told(tmp_path: Path) -> None:
    def row(i: int) -> str:
        return f"{i},{i % 2},p{i},{20 + i},{['Male', 'male', 'female'][i % 3]}"

    rows = read(tmp_path, "score,label,subject,attr_age,attr_sex", row)
    assert rows.remarks == (
        "Column attr_age has 40 values and makes no groups of people; write at most 12, such as bands of age.",
        "Groups of attr_sex that differ in letter case or leading zeros alone count as different: Male, male.",
    )
    (tmp_path / "g.csv").write_text("subject,attr_age\n" + "".join(f"p{i},{i}\n" for i in range(40)))
    read(tmp_path, "score,label,subject", lambda i: f"{i * 7 % 40},{i % 2},p{i}")
    found = facewarden.evaluate_scores(tmp_path / "t.csv", groups=tmp_path / "g.csv", rounds=50)
    assert any("attr_age has 40 values" in told for told in found.warnings)


def test_rows_without_a_subject_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, "score,label,subject", lambda i: f"{i / 7},{i % 2},{'' if i % 4 == 0 else f'p{i}'}")
    assert any("Rows without a subject: 10 of 40" in told for told in found.remarks)
    none = read(tmp_path, "score,label,subject", lambda i: f"{i / 7},{i % 2},")
    assert none.subject is None  # as without the column, about which there is a warning


def test_rows_that_say_the_same_are_told_where_scores_are_fine(tmp_path: Path) -> None:
    header = "score,label,subject"
    twice = read(tmp_path, header, lambda i: f"{i % 30 / 7},{i % 2},p{i % 30}")
    assert any("Rows that say the same as an earlier one: 10;" in told for told in twice.remarks)
    coarse = read(tmp_path, header, lambda i: f"{i % 4},{i % 2},p{i % 3}")
    named = read(tmp_path, f"key,{header}", lambda i: f"k{i},{i % 30 / 7},{i % 2},p{i % 30}")
    once = read(tmp_path, header, lambda i: f"{i / 7},{i % 2},p{i % 30}")
    assert not [told for found in (coarse, named, once) for told in found.remarks]


def test_a_label_of_minus_one_is_no_bona_fide_presentation(tmp_path: Path) -> None:
    for name in ("label", "is_spoof"):
        with pytest.raises(BadInputError, match=r"row 3: unknown label '-1'"):
            read(tmp_path, f"score,{name}", lambda i: f"{i},{-1 if i == 2 else i % 2}", columns={"label": name})
