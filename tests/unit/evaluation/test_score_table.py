"""Tables of scores pass the gate of manifests: contradictions, duplicates, NaN and reversed scores."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facewarden.cli import main
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, LeakError
from facewarden.core.resolve import resolve_detector
from facewarden.core.roles import Detector, PadOutput
from facewarden.data.manifest import Manifest
from facewarden.evaluation.presentation import measure_presentation
from facewarden.evaluation.scores import Scores
from facewarden.evaluation.verdicts.choice import dev_scores
from facewarden.metrics.pad import acer_worst_species
from facewarden.verbs.evaluate_presentations import evaluate_presentation
from tiny_captures import write_captures

Row = dict[str, str]


def rows(*, sign: int = 1) -> list[Row]:
    draw = np.random.default_rng(0)
    made = []
    for number in range(160):
        label = number % 2
        made.append(
            {
                "key": f"k{number}", "score": f"{sign * (draw.normal() + 3 * label):.6f}", "label": str(label),
                "species": "bona_fide" if label else "print_flat", "subject": f"s{number // 4}", "domain": "alder",
                "split": "dev" if number < 80 else "test", "illumination": "", "simulated": "false",
            }
        )  # fmt: skip
    return made


def write(path: Path, table: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


def evaluated(path: Path) -> dict[str, float]:
    found = evaluate_presentation(captures=None, scores=path, detector="multi_cnn", policy="eer", seed=0, out=None)
    return {metric.name: metric.value for metric in found.metrics if not metric.group}


def exchanged(table: list[Row]) -> None:
    for row in table:
        row["label"] = str(1 - int(row["label"]))


def doubled(table: list[Row]) -> None:
    table.append(table[3] | {"score": "9.5"})


def moved(table: list[Row]) -> None:
    table.append(table[3] | {"subject": "somebody else"})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (exchanged, r"scores\.csv: row 1: label 1 contradicts species print_flat"),
        (lambda table: table[4].update(label="2"), r"scores\.csv: row 5: unknown label '2'"),
        (lambda table: table[4].update(label="live"), r"scores\.csv: row 5: unknown label 'live'"),
        (lambda table: table[4].update(species="prnt_flat"), r"row 5: unknown species 'prnt_flat'; did you mean print"),
        (lambda table: table[4].update(split="tset"), r"row 5: unknown split 'tset'"),
        (lambda table: table[4].update(subject=""), r"row 5: subject is empty"),
        (lambda table: table[4].update(subject="nan"), r"row 5: subject is empty"),
        (lambda table: table[4].update(domain="<NA>"), r"row 5: domain is empty"),
        (lambda table: table[4].update(score="high"), r"row 5: score 'high' is no number"),
        (lambda table: table[4].update(score="0_5"), r"row 5: score '0_5' is no number"),
        (lambda table: table[4].update(score="0,5"), r"row 5: score '0,5' is no number"),
        (lambda table: table[4].update(label="1_0"), r"row 5: unknown label '1_0'"),
        (lambda table: table[4].update(simulated="maybe"), r"row 5: unknown simulated 'maybe'"),
        (doubled, r"scores\.csv: row 161: key 'k3' is in row 4 with another score"),
        (moved, r"scores\.csv: row 161: key 'k3' is in row 4 with another label, species or subject"),
    ],
)
def test_a_row_that_contradicts_itself_or_another_is_named(
    tmp_path: Path, spoil: Callable[[list[Row]], None], message: str
) -> None:
    table = rows()
    spoil(table)
    with pytest.raises(BadInputError, match=message):
        evaluated(write(tmp_path / "scores.csv", table))


def test_keys_that_stand_four_times_count_once_and_it_is_said(tmp_path: Path) -> None:
    plain = evaluated(write(tmp_path / "plain.csv", rows()))
    hard = [row for row in rows() if row["label"] == "0"][-3:]
    path = write(tmp_path / "four.csv", rows() + 3 * hard)
    assert evaluated(path) == plain
    found = Scores.read(path, source="four")
    assert found.skipped == {"row that repeats an earlier one, counted once": 9}
    assert len(found) == 160


@pytest.mark.parametrize("cell", ["", "nan", "inf", "-inf"])
def test_a_score_that_is_not_finite_is_named_counted_and_in_no_rate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, cell: str
) -> None:
    table = rows()
    without = evaluated(write(tmp_path / "without.csv", table[:90] + table[91:]))
    table[90]["score"] = cell
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        found = evaluated(write(tmp_path / "with.csv", table))
    assert found == without
    assert "1 of 160 captures have no score and are in no rate: k90" in caplog.text
    why = "an infinite score, by which no threshold can be set" if "inf" in cell else "no score in the table"
    assert Scores.read(tmp_path / "with.csv", source="x").skipped == {why: 1}


def test_scores_that_look_reversed_are_said_with_the_word_to_type(tmp_path: Path) -> None:
    path = write(tmp_path / "turned.csv", rows(sign=-1))
    found = evaluate_presentation(captures=None, scores=path, detector="multi_cnn", policy="eer", seed=0, out=None)
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("The scores look reversed: AUC 0.0")
    assert '"invert": true' in found.warnings[0]
    section = measure_presentation(Scores.read(path, source="x"), policy="eer", seed=0, rounds=50).section
    assert section.finding.startswith("The scores look reversed")
    right = write(tmp_path / "right.csv", rows())
    plain = evaluate_presentation(captures=None, scores=right, detector="multi_cnn", policy="eer", seed=0, out=None)
    assert plain.warnings == ()


def test_a_table_comes_back_with_what_has_no_score(tmp_path: Path) -> None:
    table = rows()
    table[7]["score"] = "nan"
    found = Scores.read(write(tmp_path / "scores.csv", table), source="x")
    for name in ("again.csv", "again.parquet"):
        found.write(tmp_path / name)
        again = Scores.read(tmp_path / name, source="x")
        assert [lost.about["key"] for lost in again.unscored] == ["k7"]
        assert again.skipped == found.skipped
        np.testing.assert_array_equal(again.score, found.score)


def test_attacks_that_are_called_bona_fide_are_refused_in_every_rate() -> None:
    scores, labels = np.array([1.0, 2.0, 0.0, 3.0]), np.array([0, 0, 1, 1])
    names = np.array(["bona_fide", "bona fide", "print", "print"])
    with pytest.raises(BadInputError, match="2 of 2 rows with the label of an attack have the species bona_fide"):
        acer_worst_species(scores, labels, species=names, threshold=0.5)


@pytest.mark.parametrize("word", ["true", "True", "TRUE ", "1", "yes"])
def test_every_word_for_yes_makes_a_table_simulated(tmp_path: Path, word: str) -> None:
    table = rows()
    table[5]["simulated"] = word
    path = write(tmp_path / "scores.csv", table)
    found = evaluate_presentation(captures=None, scores=path, detector="multi_cnn", policy="eer", seed=0, out=None)
    assert found.simulated
    assert all(metric.simulated for metric in found.metrics)


@pytest.mark.parametrize("other", ["s{} ", " s{}", "s{}\u00a0", "s{}\u200b"])
def test_blanks_around_a_name_make_nobody_another_person(tmp_path: Path, other: str) -> None:
    table = rows()
    plain = evaluated(write(tmp_path / "plain.csv", table))
    for row in table[::2]:
        row["subject"] = other.format(row["subject"].removeprefix("s"))
    spelled = evaluated(write(tmp_path / "spelled.csv", table))
    assert spelled == plain
    found = Scores.read(tmp_path / "spelled.csv", source="x")
    assert len(set(found.subject.tolist())) == 40
    for row in table[80:]:
        row["subject"] = other.format(int(row["subject"].strip(" \u00a0\u200b").removeprefix("s")) - 20)
    with pytest.raises(LeakError, match="20 subjects are in both dev and test"):
        evaluated(write(tmp_path / "leak.csv", table))


def test_one_name_in_two_spellings_of_its_accent_is_one_person(tmp_path: Path) -> None:
    table = rows()
    for number, row in enumerate(table):
        row["subject"] = row["subject"].replace("s", "Jos\u00e9 " if number % 2 else "Jose\u0301 ")
    write(tmp_path / "scores.csv", table)
    assert len(set(Scores.read(tmp_path / "scores.csv", source="x").subject.tolist())) == 40


def test_a_domain_of_one_class_is_said_and_is_in_the_table(tmp_path: Path) -> None:
    table = rows()
    for row in table[80:]:
        row["domain"] = "birch" if row["label"] == "0" else "alder"
    path = write(tmp_path / "scores.csv", table)
    found = evaluate_presentation(captures=None, scores=path, detector="multi_cnn", policy="eer", seed=0, out=None)
    assert found.warnings == (
        "domain alder has no attacks in the test split, so no figures of its own",
        "domain birch has no bona fide presentations in the test split, so no figures of its own",
    )
    section = measure_presentation(Scores.read(path, source="x"), policy="eer", seed=0, rounds=50).section
    assert [row[:2] for row in section.tables[1].rows] == [
        ("alder", "no attacks"), ("birch", "no bona fide presentations"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "one_class", "message"),
    [("EER", False, "unknown threshold policy 'EER'"), ("eer", True, "no attack row in split dev")],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_scored(
    tmp_path: Path, policy: str, one_class: bool, message: str
) -> None:
    manifest = Manifest.read(write_captures(tmp_path))
    kept = tuple(row for row in manifest if not (one_class and row.split == "dev" and row.label == 0))
    Manifest(kept, root=tmp_path, name="set").write(tmp_path / "few.csv")
    with pytest.raises(BadInputError, match=message):
        evaluate_presentation(
            captures=tmp_path / "few.csv", scores=None, detector=NeverAsked(), policy=policy, seed=0, out=None
        )


class NeverAsked(Detector):
    """Scores nothing."""

    card = Card("never", "scores nothing", "pad")

    def predict(self, batch: FaceBatch) -> PadOutput:
        raise AssertionError("it was asked")


def test_a_table_of_the_template_has_no_illumination_and_no_domain(tmp_path: Path) -> None:
    table = rows()
    whole = evaluated(write(tmp_path / "whole.csv", table))
    for row in table:
        for name in ("illumination", "simulated", "domain"):
            del row[name]
    path = write(tmp_path / "scores.csv", table)
    plain = Scores.read(path, source="x")
    assert (set(plain.domain), set(plain.illumination), plain.simulated) == ({"own"}, {""}, False)
    assert evaluated(path) == whole


def test_sensors_that_captures_lack_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captures = str(write_captures(tmp_path))
    lacking = [f"of 24 captures have no {name}, which multi_cnn also reads" for name in ("depth", "infrared")]
    assert main(["evaluate", "presentation", "--captures", captures, "--detector", "multi_cnn"]) == 0
    said = capsys.readouterr()
    assert all(words in said.out + said.err for words in lacking)
    assert main(["score", captures, "--detector", "multi_cnn"]) == 0
    said = capsys.readouterr()
    assert all(words.replace("24", "36") in said.out + said.err for words in lacking)
    assert main(["calibrate", "multi_cnn", "--dev", captures, "--out", str(tmp_path / "c.json")]) == 0
    said = capsys.readouterr()
    assert all(words.replace("24", "12") in said.err for words in lacking)
    assert main(["evaluate", "presentation", "--captures", captures, "--detector", "color_cnn"]) == 0
    said = capsys.readouterr()
    assert "captures have no" not in said.out + said.err


def test_scores_of_two_detectors_and_people_that_are_probably_one_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [{**row, "model": "one"} for row in rows()]
    path = tmp_path / "s.csv"

    def told() -> str:
        assert main(["evaluate", "presentation", "--scores", str(write(path, made))]) == 0
        return capsys.readouterr().err

    before = told()
    made[3]["model"] = "two"
    made[5]["subject"] = made[5]["subject"].upper()
    after = told()
    assert "names 2 detectors (one, two)" in after
    assert "Subjects that differ in letter case or leading zeros alone count as different" in after
    assert "detectors" not in before
    assert "differ in letter case" not in before


def test_columns_are_read_in_any_letter_case(tmp_path: Path) -> None:
    table = [{name.title(): value for name, value in row.items()} for row in rows()]
    table[3]["Simulated"] = "true"
    file = write(tmp_path / "Scores.csv", table)
    assert evaluated(file) == evaluated(write(tmp_path / "small.csv", rows()))
    assert Scores.read(file, source="s").simulated
    found = dev_scores(resolve_detector("color_cnn"), file)
    assert len(found) == 160
    other = write(tmp_path / "other.csv", [row | {"Model": "mine"} for row in table])
    with pytest.raises(BadInputError, match="scores of mine, and the detector is color_cnn"):
        dev_scores(resolve_detector("color_cnn"), other)
