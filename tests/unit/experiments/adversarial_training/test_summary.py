"""Rates of adversarially trained detectors by hand: success flatters an inaccurate one, robust accuracy does not."""

from __future__ import annotations

from typing import Any

import pytest

from facewarden.experiments.adversarial_training.outcomes import Outcomes
from facewarden.experiments.adversarial_training.summary import summarize
from facewarden.experiments.engine.kind import CellResult, PlanCell

KEYS = [f"k{i}" for i in range(8)]
SUBJECT = dict(zip(KEYS, "aabbccdd", strict=True))
LABEL = dict(zip(KEYS, (0, 0, 1, 1, 1, 1, 1, 1), strict=True))


def outcomes(seeds: dict[int, dict[str, int]]) -> Outcomes:
    found = Outcomes()
    for seed, hit in seeds.items():
        found.add(seed, KEYS, hit=hit, subject=SUBJECT, label=LABEL)
    return found


# plain decides all eight correctly and loses four of them; weak decides two and loses one
PLAIN = outcomes({0: dict.fromkeys(KEYS[:4], 1) | dict.fromkeys(KEYS[4:], 0)})
WEAK = outcomes({0: {"k0": 1, "k4": 0}})


def test_an_inaccurate_method_has_the_same_success_and_a_quarter_of_the_robust_accuracy() -> None:
    for found, success, robust in ((PLAIN, 0.5, 0.5), (WEAK, 0.5, 0.125)):
        rates = found.success(), found.robust()
        assert [rate.value for rate in rates if rate] == [success, robust]
        assert rates[1] is not None
        assert rates[1].n == 8


def test_a_sample_falls_to_a_union_if_it_falls_to_one_of_both() -> None:
    other = outcomes({0: {"k0": 0, "k2": 1, "k4": 1, "k5": 0}, 1: {"k0": 1}})
    both = PLAIN.either(other)
    assert {sample for sample, held in both.held.items() if held} == {(0, "k5")}
    # a decision that one of both did not see right counts in neither rate of success
    assert {sample for sample, right in both.right.items() if right} == {(0, key) for key in ("k0", "k2", "k4", "k5")}
    rate = both.success()
    assert rate is not None
    assert (rate.value, rate.n) == (0.75, 4)


def test_success_is_told_by_the_class_of_the_samples() -> None:
    rates = PLAIN.success(label=0), PLAIN.success(label=1)
    assert [(rate.value, rate.n) for rate in rates if rate] == [(1.0, 2), (pytest.approx(2 / 6), 6)]
    assert outcomes({0: {"k0": 1}}).success(label=1) is None


def test_differences_are_paired_by_seed_and_sample() -> None:
    robust, success = WEAK.against(PLAIN, what="robust"), WEAK.against(PLAIN, what="success")
    assert robust is not None
    assert success is not None
    assert (robust.value, robust.n) == (pytest.approx(1 / 8 - 4 / 8), 8)
    assert (success.value, success.n) == (0.0, 2)  # both decide k0 and k4 correctly, both lose k0
    # the same keys with another seed's training are other samples
    assert WEAK.against(outcomes({1: dict.fromkeys(KEYS, 0)}), what="robust") is None
    # every sample falls for both or for none: a paired difference has no width but that of few people
    same = outcomes({0: dict.fromkeys(KEYS[:4], 1) | dict.fromkeys(KEYS[4:], 0)}).against(PLAIN, what="robust")
    assert same is not None
    assert same.value == 0.0
    assert "subjects" in same.method
    assert Outcomes().success() is None
    assert Outcomes().robust() is None


def plan_results() -> list[CellResult]:
    samples = [{"key": key, "label": 1, "subject": key} for key in KEYS]  # six people differ, which shows a difference
    made = []
    for method, wins in (("plain", 8), ("pgd_at", 2)):
        for seed in (0, 1):
            place: dict[str, Any] = {"model": f"{method}-{seed}", "method_name": method, "seed": seed}
            clean = {"accuracy": [1.0, 0.9, 1.0, 8], "metrics": {}, "samples": samples, "simulated": True}
            hits = [int(i < wins) for i in range(8)]
            attack = {"asked": KEYS, "key": KEYS, "success": {"2|none": hits, "4|sfa": hits}}
            cost = {"passes": {"model": [16.0, 15.0 if method == "plain" else 15.6], "generators": [5.0, 0.5]}}
            made.append(CellResult(PlanCell(f"train / {place['model']}", {**place, "do": "train"}), cost))
            made.append(CellResult(PlanCell(f"clean / {place['model']}", {**place, "do": "clean"}), clean))
            settings = {**place, "do": "attack", "head": "live", "attack": "pgd"}
            made.append(CellResult(PlanCell(f"pgd / {place['model']}", settings), attack))
    return made


def test_there_is_one_sentence_a_method_and_a_row_for_every_attack_and_method() -> None:
    summary = summarize({}, plan_results())
    assert len(summary.sentences) == 1
    assert summary.sentences[0].startswith("pgd_at: robust accuracy under pgd 2/255 75.0% (")
    assert "+75.0 (" in summary.sentences[0]
    assert "n = 16 in points against plain, paired by seed and sample" in summary.sentences[0]
    assert "it is higher in 2 and lower in 0 of 2 attacks" in summary.sentences[0]
    assert "clean accuracy +0.0 points, mean over 2 seeds" in summary.sentences[0]
    assert "15.6 backward passes a sample, +4.0 % against plain" in summary.sentences[0]
    assert summary.tables[0].columns[5:] == (
        "ACER, worst species", "APCER, worst species", "BPCER", "EER", "AUC", "AUC, 95 % by subject"
    )  # fmt: skip
    assert summary.tables[0].rows[1][2:4] == ("16.0 / 15.6", "5.0 / 0.5")
    short = next(table for table in summary.tables if table.title == "Robust accuracy")
    assert short.columns == ("Method", "pgd 2/255", "pgd 4/255 with SFA")
    assert short.rows == (("plain", "0%", "0%"), ("pgd_at", "75%", "75%"))
    rows = next(table for table in summary.tables if table.title.startswith("Attack success")).rows
    assert [row[:2] for row in rows] == [
        (column, method) for column in short.columns[1:] for method in ("plain", "pgd_at")
    ]
    assert rows[0][5:] == (None, None)
    assert str(rows[1][6]).startswith("-75.0 (")


def checked_results(*, flat: float = 0.0, stronger: int = 6, moved: int = 2) -> list[CellResult]:
    """Two seeds of one method: fgsm loses 3 of 8 samples, pgd 4, an ensemble some, transfer some."""
    samples = [{"key": key, "label": 1, "subject": key} for key in KEYS]  # six people differ, which shows a difference
    made = []
    for seed in (0, 1):
        place: dict[str, Any] = {"model": f"plain-{seed}", "method_name": "plain", "seed": seed}
        clean = {"accuracy": [1.0, 0.9, 1.0, 8], "metrics": {}, "samples": samples, "simulated": True}
        made.append(CellResult(PlanCell(f"clean / {seed}", {**place, "do": "clean"}), clean))
        for attack, wins in (("fgsm", 3), ("pgd", 4), ("auto_binary", stronger)):
            hits = {"2|none": [int(i < wins) for i in range(8)], "2|sfa": [1] * 8}
            if attack == "pgd":
                hits["4|none"] = [int(i < wins + 1) for i in range(8)]
            signs = {"flat": flat, "unsteady": 0.0, "n": 8}
            settings = {**place, "do": "attack", "head": "live", "attack": attack}
            value = {"asked": KEYS, "key": KEYS, "success": hits, "signs": signs}
            made.append(CellResult(PlanCell(f"{attack} / {seed}", settings), value))
        victim = {"right": [1] * 7 + [0], "2": [int(i >= 8 - moved) for i in range(8)]}
        value = {"key": KEYS, "eps": [2.0], "victims": {f"plain-{seed}": victim}}
        settings = {"do": "transfer", "seed": seed, "model": "start-0", "method": "mi_fgsm"}
        made.append(CellResult(PlanCell(f"transfer / {seed}", settings), value))
    return made


def test_every_method_shows_whether_its_attacks_work() -> None:
    summary = summarize({}, checked_results())
    rows = next(table for table in summary.tables if table.title.startswith("Self-checks")).rows
    assert all(str(row[2]).startswith("holds") for row in rows)
    found = {(row[0], row[1]) for row in rows}
    both = "plain of samples that the surrogate decides correctly too, at 2/255"
    assert found >= {
        ("success grows with the budget", "plain"),
        ("many steps beat one", "plain"),
        ("an ensemble of attacks beats each one", "plain"),
        ("gradients beat another model's gradients", both),
        ("the model has gradients", "plain, live"),
        ("the model repeats itself", "plain, live"),
    }
    assert not any("self-check" in sentence for sentence in summary.sentences)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"flat": 0.5}, "the model has gradients (plain, live): FAILED: none on 50% of 16"),
        ({"stronger": 0}, "an ensemble of attacks beats each one (plain): FAILED: auto_binary at 2 flips 0.0%"),
        # of the seven that both decide correctly; what the victim itself gets wrong when clean is no success
        ({"moved": 8, "stronger": 0}, "too, at 2/255): FAILED: pgd at 2 flips 57.1%, mi_fgsm at 2 100.0%"),
    ],
)
def test_a_check_that_fails_is_a_sentence(settings: dict[str, Any], words: str) -> None:
    summary = summarize({}, checked_results(**settings))
    assert any(s.startswith("A self-check failed: ") and words in s for s in summary.sentences), summary.sentences


def attacked(name: str, seed: int, wins: dict[str, list[int]], *, method: str = "plain") -> list[CellResult]:
    """Clean scores and attacks of one detector: eight samples, two of them attacks; k0 to k(wins - 1) fall."""
    samples = [{"key": key, "label": LABEL[key], "subject": SUBJECT[key]} for key in KEYS]
    place: dict[str, Any] = {"model": name, "method_name": method, "seed": seed}
    auc = [0.9 + 0.02 * seed, 0.8, 0.95 + 0.02 * seed, 60]
    clean = {"accuracy": [1.0, 0.9, 1.0, 8], "metrics": {"auc": auc}, "samples": samples, "simulated": True}
    made = [CellResult(PlanCell(f"clean / {name}", {**place, "do": "clean"}), clean)]
    for attack, falls in wins.items():
        value = {
            "asked": KEYS,
            "key": KEYS,
            "success": {"2|none": falls, **({"4|none": falls} if attack == "pgd" else {})},
        }
        settings = {**place, "do": "attack", "head": "live", "attack": attack}
        made.append(CellResult(PlanCell(f"{attack} / {name}", settings), value))
    return made


WINS = {"pgd": [1, 0, 1, 0, 0, 0, 0, 0], "auto_binary": [1, 1, 0, 0, 0, 0, 0, 0]}


def test_the_summary_has_the_auc_the_union_and_the_directions() -> None:
    summary = summarize({}, [*attacked("plain-0", 0, WINS), *attacked("plain-1", 1, WINS)])
    assert summary.tables[0].rows[0][-2:] == ("91.0% (90.0% to 92.0%)", "91.0% (80.0% to 96.0%), n = 60")
    tables = {table.title: table for table in summary.tables}
    columns = ("Method", "pgd 2/255", "pgd 4/255", "auto_binary 2/255", "pgd or auto_binary 2/255")
    assert tables["Robust accuracy"].columns == columns
    assert tables["Robust accuracy"].rows == (("plain", "75%", "75%", "75%", "62%"),)
    directions = {row[0]: row[2:] for row in tables["Attack success by direction"].rows}
    attack, bona_fide = map(str, directions["pgd or auto_binary 2/255"])
    assert attack.startswith("100.0% (")
    assert attack.endswith("n = 4")
    assert bona_fide.startswith("16.7% (")
    assert bona_fide.endswith("n = 12")
    rates = summary.data["attacks"]["pgd or auto_binary 2/255"]["plain"]
    assert {name: (rate["value"], rate["n"]) for name, rate in rates.items()} == {
        "success": (0.375, 16), "robust": (0.625, 16),
        "attack_as_bona_fide": (1.0, 4), "bona_fide_as_attack": (pytest.approx(1 / 6), 12),
    }  # fmt: skip
    ranking = summary.data["clean"]["plain"]["auc"]
    assert (ranking["value"], ranking["low"], ranking["n"]) == (pytest.approx(0.91), pytest.approx(0.8), 60)
    assert [seed["value"] for seed in ranking["seeds"]] == [0.9, pytest.approx(0.92)]


def test_a_detector_that_is_not_trained_here_is_a_row_without_seeds() -> None:
    other = "multitask (not trained here)"
    pgd = {"pgd": [1] * 8}
    summary = summarize({}, [*attacked("plain-0", 0, WINS), *attacked("plain-1", 1, WINS),
                             *attacked("multitask", 0, pgd, method=other)])  # fmt: skip
    tables = {table.title: table for table in summary.tables}
    assert [row[:2] for row in summary.tables[0].rows] == [("plain", 2), (other, None)]
    assert tables["Robust accuracy"].rows[1] == (other, "0%", "0%", None, None)
    long = [row for row in tables["Attack success and robust accuracy by attack and method"].rows if row[1] == other]
    assert str(long[0][5]).startswith("-75.0 (")  # of the first seed's eight samples
    assert str(long[0][5]).endswith("n = 8")
    assert not summary.sentences
    assert [one["name"] for one in summary.figures[0].data["series"]] == ["plain", other]
