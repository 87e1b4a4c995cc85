"""Comparison scores by group: rates worked by hand, chance by dealing groups to people, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import facewarden
from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.data.own.group_table import read_groups
from facewarden.data.table import read_table, write_table
from facewarden.metrics.laboratory.pair_differentials import pair_differentials

PEOPLE = 24


def tables(folder: Path, *, harder: float = 0.0, **more: object) -> tuple[Path, Path]:
    """All impostor pairs and four mated pairs a person; impostors of group f score higher by `harder`."""
    rng = np.random.default_rng(1)
    rows = [(a, b, 0) for a, b in combinations(range(PEOPLE), 2)] + [(a, a, 1) for a in range(PEOPLE) for _ in range(4)]
    score = [rng.normal(3.0 * same + harder * (a % 2 == 0 and b % 2 == 0 and not same), 1) for a, b, same in rows]
    columns = {"score": score, "same": [same for *_, same in rows], "subject_a": [f"p{a}" for a, *_ in rows],
               "subject_b": [f"p{b}" for _, b, _ in rows]}  # fmt: skip
    write_table(folder / "pairs.csv", columns | more)  # type: ignore[arg-type]
    people = {"subject": [f"p{i}" for i in range(PEOPLE)], "attr_sex": ["fm"[i % 2] for i in range(PEOPLE)]}
    write_table(folder / "people.csv", people)
    return folder / "pairs.csv", folder / "people.csv"


def test_rates_by_group_are_those_of_pairs_within_it(tmp_path: Path) -> None:
    pairs, people = tables(tmp_path, harder=1.5)
    found = facewarden.evaluate_comparisons(pairs, groups=people, threshold=1.5, rounds=200, out=tmp_path / "o")
    from facewarden.data.table import read_table

    held = read_table(pairs)
    score, same = np.array(held["score"], float), np.array(held["same"]) == "1"
    first, second = (np.array([int(name[1:]) for name in held[key]]) for key in ("subject_a", "subject_b"))
    for group, parity in (("f", 0), ("m", 1)):
        inside = (first % 2 == parity) & (second % 2 == parity)
        fmr, fnmr = found.groups["sex"].rates[group]
        assert fmr is not None
        assert fnmr is not None
        assert fmr.value == pytest.approx(np.mean(score[inside & ~same] >= 1.5))
        assert fnmr.value == pytest.approx(np.mean(score[inside & same] < 1.5))
        assert (fmr.n, fnmr.n) == (66, 48)
    gap = next(one for one in found.groups["sex"].measures if one.name == "gap_first")
    assert gap.value is not None
    assert gap.expected is not None
    assert gap.value > 3 * gap.expected
    assert gap.p < 0.02
    assert "Demographic differentials" in (tmp_path / "o" / "comparisons.html").read_text(encoding="utf-8")


def test_equal_groups_are_not_called_unequal() -> None:
    rng = np.random.default_rng(3)
    pairs = np.array(list(combinations(range(16), 2)) + [(i, i) for i in range(16) for _ in range(3)])
    same = pairs[:, 0] == pairs[:, 1]
    calm = []
    for _ in range(25):
        wrong = rng.random(len(pairs)) < 0.2
        group = rng.permutation(np.arange(16) % 2)
        found = pair_differentials(
            wrong, same, first=pairs[:, 0], second=pairs[:, 1], group=group, names="ab", rounds=100
        )
        calm.append(next(one.p for one in found.measures if one.name == "gap_first"))
    assert np.mean(np.array(calm) < 0.05) < 0.25
    assert 0.3 < np.mean(calm) < 0.7


def test_the_threshold_is_set_on_dev_for_a_false_match_rate(tmp_path: Path) -> None:
    n = PEOPLE * (PEOPLE - 1) // 2 + PEOPLE * 4
    split = ["dev" if i % 2 else "test" for i in range(n)]
    pairs, _ = tables(tmp_path, split=split)
    found = facewarden.evaluate_comparisons(pairs, fmr=0.05)
    assert "set on dev for FMR <= 0.05 (138 impostor pairs)" in found.source
    assert found.fmr.n == 138
    assert found.groups == {}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "no threshold and no column split"),
        ({"same": ["maybe"] * 372}, "same must be 1 or 0"),
        ({"same": [1] * 372}, "the subjects say otherwise"),
        ({"split": ["dev"] * 372}, "none of two"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path: Path, more: dict[str, object], words: str) -> None:
    pairs, _ = tables(tmp_path, **more)
    with pytest.raises(BadInputError, match=words):
        facewarden.evaluate_comparisons(pairs)


def test_people_without_groups_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs, people = tables(tmp_path)
    write_table(tmp_path / "others.csv", {"subject": ["q1"], "attr_sex": ["f"]})
    with pytest.raises(BadInputError, match="none of its 1 names in column subject"):
        facewarden.evaluate_comparisons(pairs, groups=tmp_path / "others.csv", threshold=1.0)
    assert main(["evaluate", "comparisons", str(pairs), "--groups", str(people), "--threshold", "1.5"]) == 0
    assert "sex f: FMR" in capsys.readouterr().out


def test_a_table_of_groups_says_whether_its_people_were_rendered(tmp_path: Path) -> None:
    pairs, _ = tables(tmp_path)
    for word, simulated in (("yes", True), ("", False), ("no", False)):
        write_table(tmp_path / "g.csv", {"subject": ["p1"], "attr_sex": ["f"], "simulated": [word]})
        assert read_groups(tmp_path / "g.csv").simulated == simulated
    write_table(tmp_path / "g.csv", {"subject": ["p1"], "attr_sex": ["f"], "simulated": ["maybe"]})
    with pytest.raises(BadInputError, match=r"g\.csv: unknown simulated 'maybe'"):
        facewarden.evaluate_comparisons(pairs, groups=tmp_path / "g.csv", threshold=1.0)


def written(path: Path, rows: Sequence[tuple[object, ...]]) -> Path:
    text = "score,same,subject_a,subject_b,split\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    path.write_text(text)
    return path


ROWS = [(0.9, "genuine", "a", "a", "dev"), (0.1, "impostor", "a", "b", "dev"), (0.2, "imposter", "c", "d", "test"),
        (0.8, "mated", "c", "c", "test")]  # fmt: skip


def warned(path: Path, rows: Sequence[tuple[object, ...]], **more: object) -> str:
    return " ".join(facewarden.evaluate_comparisons(written(path, rows), rounds=20, **more).warnings)  # type: ignore[arg-type]


def test_what_makes_figures_doubtful_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.csv"
    assert warned(path, ROWS, fmr=1.0) == ""
    assert "1 impostor pairs of dev are too few for an FMR of 0.1 %" in warned(path, ROWS)
    assert warned(path, [*ROWS, (0.2, 0, "d", "c", "test")], fmr=1.0).startswith("1 rows have the people and the score")
    assert "1 people are in pairs of dev and of test" in warned(path, [*ROWS, (0.3, 0, "a", "d", "test")], fmr=1.0)
    assert "score lower than pairs of two" in warned(path, [(-row[0], *row[1:]) for row in ROWS], fmr=1.0)  # type: ignore[operator]
    assert "count as different: A, a" in warned(path, [*ROWS, (0.3, 0, "A", "c", "test")], fmr=1.0)
    assert "Infinite scores: 1" in warned(path, [*ROWS, ("inf", 1, "d", "d", "test")], fmr=1.0)
    (tmp_path / "g.csv").write_text("subject,attr_age,attr_sex\n" + "".join(f"{p},{i},{'fm'[i % 2]}\n" for i, p in
                                    enumerate("abcdefghijklmnop")))  # fmt: skip
    assert "attr_age has 16 values" in warned(path, ROWS, fmr=1.0, groups=tmp_path / "g.csv")
    written(path, [*ROWS, ("", 1, "d", "d", "test")])
    assert main(["evaluate", "comparisons", str(path)]) == 0
    told = capsys.readouterr().out
    assert "1 tested pairs without a score, in no rate" in told
    assert "warning: 1 impostor pairs" in told


def test_rows_of_other_splits_and_people_without_a_group_are_told(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    rows = [*ROWS, (0.5, 0, "e", "f", "train"), (0.6, 1, "e", "e", "train")]
    assert "2 rows of split train are in no figure." in warned(path, rows, fmr=1.0)
    assert "4 rows of split dev and train are in no figure." in warned(path, rows, threshold=0.5)
    (tmp_path / "g.csv").write_text("subject,attr_sex\na,f\nb,m\nc,f\n")
    told = warned(path, rows, fmr=1.0, groups=tmp_path / "g.csv")
    assert "3 of 6 people have no sex: their pairs are in no group of it." in told


def test_the_command_of_comparisons_makes_them_again(tmp_path: Path) -> None:
    path = written(tmp_path / "p.csv", ROWS)
    path.write_text(path.read_text().replace("score,", "cosine,"))
    facewarden.evaluate_comparisons(
        path, column={"score": "cosine"}, threshold=0.5, simulated=True, seed=2, rounds=20, out=tmp_path / "o"
    )
    command = json.loads((tmp_path / "o" / "comparisons.json").read_text())["command"]
    options = "--column score=cosine --threshold 0.5 --simulated --seed 2"
    assert command == f"facewarden evaluate comparisons p.csv {options} --out DIR"


def test_rendered_people_make_simulated_figures_whichever_table_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs, people = tables(tmp_path)
    assert not facewarden.evaluate_comparisons(pairs, groups=people, threshold=0.5, rounds=10).simulated
    count = len(read_table(pairs)["score"])
    marked, rendered = tmp_path / "marked.csv", tmp_path / "rendered.csv"
    write_table(marked, {**read_table(pairs), "simulated": [False] * (count - 1) + [True]})
    write_table(rendered, {**read_table(people), "simulated": [True] * len(read_table(people)["subject"])})
    for table, groups in ((marked, people), (pairs, rendered)):
        found = facewarden.evaluate_comparisons(table, groups=groups, threshold=0.5, rounds=10, out=tmp_path / "o")
        assert found.simulated
        assert json.loads((tmp_path / "o" / "comparisons.json").read_text())["simulated"]
        assert main(["evaluate", "comparisons", str(table), "--groups", str(groups), "--threshold", "0.5"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all("simulated" in line for line in lines if any(digit in line for digit in "0123456789"))
