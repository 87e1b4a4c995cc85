"""Systems beside each other: rows paired by key, intervals of the difference, and what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import facewarden
from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.data.table import read_table, write_table
from facewarden.metrics.paired import paired_bootstrap_difference

N, PEOPLE = 900, 60


def table(
    path: Path, *, gain: float = 0.0, noise: float = 0.3, seed: int = 1, order: int | None = None, **more: object
) -> Path:
    """Scores of a system on the same faces; `seed` is of its own noise."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, N)
    base = rng.normal(0, 1, N) + 2 * label
    score = base + gain * label + noise * np.random.default_rng(seed).normal(0, 1, N)
    species = np.where(label == 1, "bona_fide", np.array(["print", "mask"])[rng.integers(0, 2, N)])
    columns = {"key": [f"k{i}" for i in range(N)], "score": score.tolist(), "label": label.tolist(),
               "species": species.tolist(), "subject": [f"p{i % PEOPLE}" for i in range(N)],
               "split": ["dev" if i % PEOPLE < 20 else "test" for i in range(N)]} | more  # fmt: skip
    rows = np.arange(N) if order is None else np.random.default_rng(order).permutation(N)
    write_table(path, {name: [values[i] for i in rows] for name, values in columns.items()})  # type: ignore[index]
    return path


def test_a_better_system_is_shown_and_an_equal_one_is_not(tmp_path: Path) -> None:
    paths = [table(tmp_path / "a.csv"), table(tmp_path / "b.csv", gain=0.8, seed=2), table(tmp_path / "c.csv", seed=3)]
    found = facewarden.compare(paths, rounds=400)
    assert found.systems is not None
    by = {(one.second, one.metric): one for one in found.systems.differences}
    assert by["b", "bpcer"].better == by["b", "auc"].better == "b"
    assert by["b", "auc"].shown_among_all
    assert by["b", "auc"].value > 0 > by["b", "bpcer"].value
    assert not any(by["c", name].shown_among_all for name in ("bpcer", "auc", "eer", "apcer_pooled"))
    assert found.systems.subjects == PEOPLE - 20


def test_the_interval_of_a_rate_is_that_of_the_paired_bootstrap(tmp_path: Path) -> None:
    found = facewarden.compare(
        [table(tmp_path / "a.csv"), table(tmp_path / "b.csv", gain=0.5, seed=2)], threshold=(0.9, 0.9), rounds=200
    )
    assert found.systems is not None
    one = next(one for one in found.systems.differences if one.metric == "bpcer")
    first, second = (facewarden.evaluate_scores(tmp_path / f"{name}.csv", threshold=0.9) for name in "ab")
    values = [next(m.value for m in two.metrics if m.name == "bpcer" and not m.group) for two in (first, second)]
    assert [one.first_value, one.second_value] == pytest.approx(values)
    from facewarden.evaluation.score_file.rows import read_scored_rows

    rows = [read_scored_rows(tmp_path / f"{name}.csv") for name in "ab"]
    assert rows[0].subject is not None
    assert rows[0].split is not None
    chosen = rows[0].bona_fide & (rows[0].split.codes == rows[0].split.names.index("test"))
    wrong = [(two.score[chosen] < 0.9).astype(float) for two in rows]
    expected = paired_bootstrap_difference(
        wrong[1], wrong[0], subjects=rows[0].subject.codes[chosen], seed=0, rounds=200
    )
    assert one.value == pytest.approx(expected.value)
    assert (one.high - one.low) == pytest.approx(
        expected.high - expected.low, rel=0.2
    )  # other draws of the same people


def test_rows_are_paired_by_key_in_any_order_and_lost_ones_are_counted(tmp_path: Path) -> None:
    plain = facewarden.compare([table(tmp_path / "a.csv"), table(tmp_path / "b.csv", gain=1, seed=2)], rounds=100)
    mixed = facewarden.compare(
        [table(tmp_path / "a.csv"), table(tmp_path / "b.parquet", gain=1, seed=2, order=5)], rounds=100
    )
    assert plain.systems is not None
    assert mixed.systems is not None
    assert [one.value for one in plain.systems.differences] == pytest.approx(
        [one.value for one in mixed.systems.differences]
    )
    keys = [f"k{i}" if i > 9 else f"other{i}" for i in range(N)]
    part = facewarden.compare([table(tmp_path / "a.csv"), table(tmp_path / "d.csv", key=keys)], rounds=50)
    assert part.systems is not None
    assert "890 are in all tables" in part.systems.how[0]


def test_a_row_that_one_system_did_not_answer_is_in_no_figure(tmp_path: Path) -> None:
    path = table(tmp_path / "b.csv")
    text = path.read_text().splitlines()
    cells = text[-1].split(",")
    path.write_text("\n".join([*text[:-1], ",".join([cells[0], "", *cells[2:]])]) + "\n")
    found = facewarden.compare([table(tmp_path / "a.csv"), path], rounds=50)
    assert found.systems is not None
    assert found.systems.unanswered == (0, 1)
    assert found.systems.n == N * 40 // 60 - 1
    assert all(one.value == 0 for one in found.systems.differences if one.metric in ("eer", "auc"))
    assert not any(one.better for one in found.systems.differences)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"label": [0, 1] * (N // 2), "species": ["print", "bona_fide"] * (N // 2)}, "have another label"),
        ({"subject": [f"q{i % 7}" for i in range(N)]}, "another subject"),
        ({"key": [f"z{i}" for i in range(N)]}, "no key is in all"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, more: dict[str, list[object]], words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        facewarden.compare([table(tmp_path / "a.csv"), table(tmp_path / "b.csv", **more)], rounds=20)


def test_one_system_alone_and_what_is_no_system_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="two systems"):
        facewarden.compare([tmp_path / "a.csv"])
    with pytest.raises(BadInputError, match="neither a table of scores"):
        facewarden.compare([table(tmp_path / "a.csv"), "multi_cnn"])


def test_the_command_line_writes_page_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(table(tmp_path / "a.csv")), str(table(tmp_path / "b.csv", gain=1, seed=2))]
    assert main(["compare", *given, "--out", str(tmp_path / "o")]) == 0
    assert "better: b" in capsys.readouterr().out
    held = json.loads((tmp_path / "o" / "comparison.json").read_text())
    assert held["schema"] == "facewarden.comparison/1"
    assert "Error rates of b less those of a" in (tmp_path / "o" / "comparison.html").read_text(encoding="utf-8")


def test_tables_whose_splits_disagree_are_refused(tmp_path: Path) -> None:
    turned = ["test" if i % PEOPLE < 20 else "dev" for i in range(N)]
    paths = [table(tmp_path / "a.csv"), table(tmp_path / "b.csv", seed=2, split=turned)]
    with pytest.raises(BadInputError, match="another split"):
        facewarden.compare(paths, rounds=10)


def test_species_in_another_spelling_are_the_same(tmp_path: Path) -> None:
    rows = (tmp_path / "b.csv", table(tmp_path / "a.csv"))
    rows[0].write_text(rows[1].read_text().replace(",print,", ",Print,"))
    found = facewarden.compare([rows[1], rows[0]], rounds=10)
    assert found.systems is not None
    assert found.systems.n > 0


def test_rows_without_a_key_are_paired_with_none(tmp_path: Path) -> None:
    keys = ["" if i < 90 else f"k{i}" for i in range(N)]
    found = facewarden.compare(
        [table(tmp_path / "a.csv", key=keys), table(tmp_path / "b.csv", seed=2, key=keys)], rounds=10
    )
    assert found.systems is not None
    assert found.systems.how[0] == "Rows are paired by their key: 810 are in all tables."


def test_what_must_be_known_of_a_table_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = table(tmp_path / "a.csv"), tmp_path / "b.csv"
    lines = [line.split(",") for line in a.read_text().splitlines()]
    place = lines[0].index("score")
    for number, line in enumerate(lines[1:]):
        line[place] = "" if number == N - 1 else f"{-float(line[place])}"
    b.write_text("\n".join(map(",".join, lines)) + "\n")
    assert main(["compare", str(a), str(b), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "b: The scores look reversed" in told
    assert "b: 1 test rows without a score, in no figure of any system" in told
    assert "b: The scores look reversed" in (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")


def test_audits_without_a_difference_are_not_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Path(__file__).parents[4] / "docs" / "results" / "audit_default" / "report.json"
    (tmp_path / "again.json").write_bytes(report.read_bytes())
    assert main(["compare", str(report), str(tmp_path / "again.json")]) == 0
    assert "metrics of the audit without a change that is shown" in capsys.readouterr().out


def few(path: Path, scores: list[float], *, people: int) -> Path:
    """Scores of one test set, of which each person has a bona fide and an attack presentation."""
    n = len(scores)
    write_table(path, {
        "key": [f"k{i}" for i in range(n)], "score": scores, "label": [i % 2 for i in range(n)],
        "subject": [f"p{i // 2 % people}" for i in range(n)], "split": ["test"] * n,
    })  # fmt: skip
    return path


@pytest.mark.parametrize("people", [1, 5])
def test_so_few_people_show_no_difference_however_large(tmp_path: Path, people: int) -> None:
    right, turned = [-1.0, 1.0] * people, [1.0, -1.0] * people
    paths = [few(tmp_path / "a.csv", right, people=people), few(tmp_path / "b.csv", turned, people=people)]
    found = facewarden.compare(paths, threshold=(0.0, 0.0), rounds=200)
    assert found.systems is not None
    assert not [one.metric for one in found.systems.differences if one.better]
    assert all(one.low <= 0 <= one.high and one.p > 0.05 for one in found.systems.differences)


def test_equal_resamples_are_no_certainty(tmp_path: Path) -> None:
    people = 20
    paths = [few(tmp_path / f"{name}.csv", [-1.0, 1.0] * people, people=people) for name in "ab"]
    found = facewarden.compare(paths, threshold=(0.0, 0.0), rounds=100)
    assert found.systems is not None
    ranked = [one for one in found.systems.differences if one.metric in ("eer", "auc")]
    assert all(one.value == 0 and one.low < -0.05 and one.high > 0.05 for one in ranked)


def test_p_is_corrected_for_all_differences_of_three_systems(tmp_path: Path) -> None:
    paths = [table(tmp_path / "a.csv"), table(tmp_path / "b.csv", gain=0.8, seed=2), table(tmp_path / "c.csv", seed=3)]
    found = facewarden.compare(paths, rounds=400)
    assert found.systems is not None
    differences = found.systems.differences
    smallest = min(differences, key=lambda one: one.p)
    assert smallest.holm == pytest.approx(min(1.0, len(differences) * smallest.p))


def test_rows_that_are_in_no_figure_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = ["train" if i % 9 == 0 else "dev" if i % PEOPLE < 20 else "test" for i in range(N)]
    first, second = table(tmp_path / "a.csv", split=splits), table(tmp_path / "b.csv", seed=2, split=splits)
    lines = second.read_text().splitlines()
    second.write_text("\n".join([*lines[:-30], lines[-31]]) + "\n")
    assert main(["compare", str(first), str(second)]) == 0
    said = capsys.readouterr().out
    assert "a: Rows left out, since another table lacks their key or they have none: 30." in said
    assert "b: Rows that repeat an earlier one, counted once: 1." in said
    assert f"Rows in no figure, split train: {splits[: N - 30].count('train')}." in said


def test_the_command_of_a_comparison_makes_it_again(tmp_path: Path) -> None:
    paths = [table(tmp_path / "a.csv"), table(tmp_path / "b.csv", seed=2)]
    facewarden.compare(paths, higher="attack", threshold=(0.5, 0.25), seed=3, rounds=20, out=tmp_path / "o")
    command = json.loads((tmp_path / "o" / "comparison.json").read_text())["command"]
    assert command == "facewarden compare a.csv b.csv --higher attack --threshold 0.5 0.25 --seed 3 --out DIR"


def test_only_tables_of_others_are_turned_and_renamed(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    ours = table(tmp_path / "own" / "scores.parquet")
    theirs = table(tmp_path / "vendor.csv")
    columns = read_table(theirs)
    columns["p_spoof"] = [-float(score) for score in columns.pop("score")]
    write_table(theirs, columns)
    found = facewarden.compare(
        [ours.parent, theirs], higher="attack", column={"score": "p_spoof"}, threshold=(0.9, -0.9), rounds=20
    )
    assert found.systems is not None
    assert next(one for one in found.systems.differences if one.metric == "auc").first_value > 0.8
    assert all(one.value == 0 for one in found.systems.differences)
    assert "every presentation" not in " ".join(found.systems.remarks)
    with pytest.raises(BadInputError, match="3 thresholds for 2 systems"):
        facewarden.compare([ours.parent, ours], threshold=(0.1, 0.2, 0.3))
