"""Tables of scores of other programs: reading, halves, thresholds of dev, and the same figures as the other readers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import facewarden
from facewarden.cli import main
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError, LeakError
from facewarden.data.columns import read_columns
from facewarden.data.own.templates import TEMPLATES, write_template
from facewarden.data.table import read_table, write_table
from facewarden.evaluation.score_file.halves import made_halves, parted
from facewarden.evaluation.score_file.rows import read_scored_rows
from facewarden.metrics.pad import apcer_threshold
from facewarden.metrics.summary import presentation_summary


def table(path: Path, *, n: int = 600, **more: list[object]) -> Path:
    rng = np.random.default_rng(7)
    label = rng.integers(0, 2, n)
    kind = np.array(["print", "replay", "mask"])[rng.integers(0, 3, n)]
    columns = {
        "key": [f"k{i}" for i in range(n)],
        "score": (rng.normal(0, 1, n) + 1.8 * label).tolist(),
        "label": label.tolist(),
        "species": np.where(label == 1, "bona_fide", kind).tolist(),
        "subject": [f"p{i % 40}" for i in range(n)],
        "split": ["dev" if i % 40 < 20 else "test" for i in range(n)],
    }
    write_table(path, columns | more)
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_figures_are_those_of_the_reference_on_rows_that_dev_has_not_seen(tmp_path: Path, suffix: str) -> None:
    path = table(tmp_path / f"t.{suffix}")
    found = facewarden.evaluate_scores(path, policy="bpcer_at_apcer=0.05", rounds=200)
    held = read_table(path)
    score, label = np.array(held["score"], float), np.array(held["label"], int)
    species, subject, split = (np.array(held[name]) for name in ("species", "subject", "split"))
    dev, test = split == "dev", split == "test"
    threshold = apcer_threshold(score[dev], label[dev], apcer=0.05, over="worst_species", species=species[dev])
    assert found.thresholds[0]["value"] == threshold
    assert found.thresholds[0]["from"] == "dev"
    rule = facewarden.core.decision.DecisionRule(threshold, "x", "dev", "", 1, 1)
    expected = presentation_summary(
        score[test], label[test], species=species[test], subjects=subject[test], rule=rule, seed=0, rounds=200
    )
    ours = {metric.label: metric for metric in found.metrics}
    for one in expected:
        name, _, kind = one.name.partition("/")
        metric = ours[f"{name}[species={kind}]" if kind else name]
        assert (metric.value, metric.low, metric.high, metric.n) == (one.value, one.low, one.high, one.n), one.name
        assert metric.note.startswith("oracle") == name.startswith("bpcer1") or name.startswith("bpcer20"), name


def test_two_columns_are_enough_and_halves_are_said_and_written(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal(2 * (i % 2)):.5f};{['spoof', 'live'][i % 2]}" for i in range(400)]
    path.write_text("\ufeffliveness;class\n" + "\n".join(lines) + "\n", encoding="utf-8")
    found = facewarden.evaluate_scores(path, column={"score": "liveness", "label": "class"}, out=tmp_path / "out")
    assert "halved by the hash of their number" in found.how
    assert "no column subject" in found.warnings[0]
    half = read_table(tmp_path / "out" / "split.parquet")
    assert len(half["row"]) == 400
    assert 150 < sum(half["is_test"]) < 250
    tested = next(m for m in found.metrics if m.name == "bpcer" and not m.group)
    assert tested.n == sum(test and i % 2 for i, test in enumerate(half["is_test"]))
    page = (tmp_path / "out" / "scores.html").read_text(encoding="utf-8")
    assert "Detection error trade-off" in page
    assert "<script" not in page


def test_halves_by_subject_are_by_the_name_alone(tmp_path: Path) -> None:
    rows = read_scored_rows(table(tmp_path / "t.csv"))
    made, how = made_halves(rows)
    assert "subjects were halved" in how
    assert rows.subject is not None
    for code, half in zip(rows.subject.codes, made.codes, strict=True):
        digest = hashlib.md5(rows.subject.names[code].encode(), usedforsecurity=False).digest()
        assert made.names[half] == ("test" if digest[-1] & 1 else "dev")


def test_a_given_threshold_tests_every_row(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("score,label\n0.9,1\n0.2,1\n0.4,0\n0.6,0\n0.1,0\n,0\n")
    found = facewarden.evaluate_scores(path, threshold=0.5)
    rates = {metric.name: metric for metric in found.metrics if not metric.group or "species" in metric.group}
    assert rates["apcer"].value == pytest.approx(1 / 3)
    assert rates["bpcer"].value == 0.5
    assert rates["apnrr"].value == 0.25
    assert rates["apnrr"].n == 4
    assert rates["bpnrr"].value == 0
    assert found.excluded == {"no score in the table": 1}


def test_scores_of_attacks_may_be_the_higher_ones(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("score,label\n0.1,1\n0.8,1\n0.6,0\n0.4,0\n")
    found = facewarden.evaluate_scores(path, threshold=0.5, higher="attack")
    rates = {metric.name: metric.value for metric in found.metrics if not metric.group}
    assert (rates["apcer_worst_species"], rates["bpcer"]) == (0.5, 0.5)
    assert found.thresholds[0]["value"] == -0.5
    assert "Scores are taken times -1" in " ".join(found.warnings)


@pytest.mark.parametrize(
    ("scores", "threshold", "words"),
    [
        ("0.1 0.8 0.6 0.4", 50.0, "from 0.1 to 0.8: at the threshold 50 every presentation is rejected"),
        ("0.1 0.8 0.6 0.4", -3.0, "from 0.1 to 0.8: at the threshold -3 every presentation is accepted"),
        ("2 2 2 2", 2.0, "Every tested score is 2: at the threshold 2 every presentation is accepted"),
        ("0.1 0.8 0.6 0.4", 0.8, ""),
    ],
)
def test_a_threshold_that_decides_everything_alike_is_told(
    tmp_path: Path, scores: str, threshold: float, words: str
) -> None:
    path = tmp_path / "t.csv"
    rows = [f"k{i},{score},{i % 2}\n" for i, score in enumerate(scores.split())]
    path.write_text("key,score,label\n" + "".join(rows))
    told = " ".join(facewarden.evaluate_scores(path, threshold=threshold).warnings)
    assert words in told
    assert ("every presentation" in told) == bool(words)
    (tmp_path / "u.csv").write_text(path.read_text())
    compared = facewarden.compare([path, tmp_path / "u.csv"], threshold=(threshold, threshold), rounds=20)
    assert compared.systems is not None
    assert sum("every presentation" in one for one in compared.systems.remarks) == (2 if words else 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("score,label\nhigh,1\n", "row 1: column 'score' holds no number"),
        ("score,label\n0.1,1\n0.2,maybe\n", "row 2: unknown label 'maybe'"),
        ("score,label\n0.1,1\n0.2,\n", "row 2: label is empty"),
        ("score,species\n0.1,print\n", "no column label"),
        ("score,label,species\n0.1,0,bona_fide\n", "row 1: species bona_fide contradicts"),
        ("score,label,split\n0.1,0,later\n", "row 1: unknown split 'later'"),
        ("score,label\n", "no rows"),
        ("score,score\n1,2\n", "has score twice"),
        ("score,label\n0.5,1\n0.2,1\n", "no attack row"),
        ("score,label,key\n0.5,1,a\n0.2,1,a\n", "row 2 has the key of row 1"),
        ("score,label\n0.5,1\n0.2,1,7\n", "not a readable table"),
    ],
)
def test_what_cannot_be_read_is_refused_by_row(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"bad\.csv") as error:
        facewarden.evaluate_scores(path)
    assert words in error.value.message


def test_a_row_that_repeats_is_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("key,score,label\na,0.5,1\nb,0.2,0\na,0.5,1\n")
    rows = read_scored_rows(path)
    assert (len(rows), rows.repeated) == (2, 1)


def test_a_subject_in_both_splits_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", split=["dev", "test"] * 300)
    with pytest.raises(LeakError, match="20 subjects are in both"):
        facewarden.evaluate_scores(
            table(path, subject=[f"p{i % 20}" for i in range(600)], split=["dev"] * 300 + ["test"] * 300)
        )


def test_rows_of_train_are_in_no_figure(tmp_path: Path) -> None:
    split = ["train" if i % 40 < 10 else "dev" if i % 40 < 20 else "test" for i in range(600)]
    parts = parted(read_scored_rows(table(tmp_path / "t.csv", split=split)), given=False)
    assert parts.excluded == {"split train": 150}


def test_columns_are_read_as_a_slow_reader_reads_them(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv")
    slow, fast = read_table(path), read_columns(path, numbers=["score"], texts=["species", "subject"], hashes=["key"])
    assert fast.numbers["score"].tolist() == [float(cell) for cell in slow["score"]]
    for name in ("species", "subject"):
        assert [fast.texts[name].names[code] for code in fast.texts[name].codes] == slow[name]
    assert len(set(fast.hashes["key"].tolist())) == 600


def test_the_command_line_says_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "t.csv")
    assert main(["evaluate", "scores", str(path), "--out", str(tmp_path / "o"), "--form", "html", "markdown"]) == 0
    printed = capsys.readouterr().out
    assert "bpcer_at_worst_apcer=0.05, dev): APCER dev" in printed
    assert "oracle" in printed
    assert (tmp_path / "o" / "scores.md").is_file()
    assert (tmp_path / "o" / "scores_figures" / "curves-0.svg").is_file()
    assert (tmp_path / "o" / "decision.json").is_file()


def test_a_threshold_of_simulated_rows_stays_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "t.csv", simulated=[True] * 600, attr_sex=["f", "m"] * 300)
    assert main(["evaluate", "scores", str(path), "--out", str(tmp_path / "o")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all("simulated" in line for line in lines if line.startswith(("threshold", "differentials")))
    rule = tmp_path / "o" / "decision.json"
    assert DecisionRule.read(rule).simulated
    again = facewarden.evaluate_scores(table(tmp_path / "real.csv"), rule=rule, rounds=10)
    assert again.thresholds[0]["from"].endswith("attacks, simulated")
    assert not again.simulated
    page = facewarden.report(table(tmp_path / "o" / "records.csv"), form="lab", out=tmp_path / "lab")
    assert "set on dev, simulated" in page.read_text(encoding="utf-8")


def test_rates_by_group_come_from_columns_and_from_a_table_beside(tmp_path: Path) -> None:
    sex = ["f" if i % 40 % 2 else "m" for i in range(600)]
    inside = facewarden.evaluate_scores(table(tmp_path / "t.csv", attr_sex=sex), rounds=100, out=tmp_path / "o")
    people = {"subject": [f"p{i}" for i in range(40)], "attr_sex": ["f" if i % 2 else "m" for i in range(40)],
              "attr_id": [f"x{i}" for i in range(40)]}  # fmt: skip
    write_table(tmp_path / "groups.csv", people)
    beside = facewarden.evaluate_scores(table(tmp_path / "u.csv"), groups=tmp_path / "groups.csv", rounds=100)
    assert [one.attribute for one in beside.groups] == ["sex"] * 3  # an identity is no group
    for ours, theirs in zip(inside.groups, beside.groups, strict=True):
        assert ours.species == theirs.species
        assert ours.found.measures == theirs.found.measures
    bpcer = inside.groups[0].found.rates["f"][1]
    assert bpcer is not None
    assert inside.groups[0].found.subjects == {"f": 10, "m": 10}
    assert "Demographic differentials" in (tmp_path / "o" / "scores.html").read_text(encoding="utf-8")


def test_a_manifest_gives_groups_by_key(tmp_path: Path) -> None:
    write_table(
        tmp_path / "m.csv", {"key": [f"k{i}" for i in range(600)], "attr_beard": [str(i % 40 % 2) for i in range(600)]}
    )
    found = facewarden.evaluate_scores(table(tmp_path / "t.csv"), groups=tmp_path / "m.csv", rounds=50)
    assert {one.attribute for one in found.groups} == {"beard"}


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"name": ["p1"], "attr_sex": ["f"]}, "no column subject"),
        ({"subject": ["q1", "q2"], "attr_sex": ["f", "m"]}, "none of its 2 names"),
        ({"subject": ["p1", "p1"], "attr_sex": ["f", "m"]}, "'p1' has two groups"),
    ],
)
def test_a_table_of_groups_that_does_not_fit_is_refused(
    tmp_path: Path, groups: dict[str, list[str]], words: str
) -> None:
    write_table(tmp_path / "groups.csv", groups)
    with pytest.raises(BadInputError, match=words):
        facewarden.evaluate_scores(table(tmp_path / "t.csv"), groups=tmp_path / "groups.csv", rounds=20)


def test_a_template_that_was_filled_in_counts_the_filled_rows_alone(tmp_path: Path) -> None:
    path = write_template("scores", tmp_path / "scores.csv")
    names = list(TEMPLATES["scores"])
    with path.open("a", encoding="utf-8") as file:
        for number in range(40):
            cells = {"key": f"k{number}", "score": f"{number % 7}", "label": f"{number % 2}", "split": "test"}
            file.write(",".join(cells.get(name, "") for name in names) + "\n")
    assert len(read_scored_rows(path)) == 40
    found = facewarden.evaluate_scores(path, threshold=3.0, rounds=50)
    assert {metric.n for metric in found.metrics if metric.name in ("apcer", "bpcer") and not metric.group} == {20}
