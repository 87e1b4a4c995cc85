"""The summary of the kind `presentation`: who is better by which rule, sizes, fills, chance over runs, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection, ScoresOverSeeds
from facewarden.experiments.domain_generalization.labels import percent
from facewarden.experiments.domain_generalization.settings import plan_of
from facewarden.experiments.domain_generalization.summary import summarize_transfer
from facewarden.experiments.engine.kind import Summary
from facewarden.experiments.engine.summary import render_latex, render_markdown


def made(*, shift: float, seed: int, domains: tuple[str, ...] = ("alder",), n: int = 120) -> dict[str, Any]:
    """A cell's result with scores that are drawn."""
    rng = np.random.default_rng(seed)
    label = [i % 2 for i in range(n)]
    rows = {
        "label": label, "subject": [f"p{i // 4}" for i in range(n)], "video": [f"v{i}" for i in range(n)],
        "species": ["bona_fide" if y else ("mask_rigid" if i % 4 else "print_flat") for i, y in enumerate(label)],
        "domain": [domains[i // 4 % len(domains)] for i in range(n)],
    }  # fmt: skip

    def scores() -> list[float]:
        return [float(value) for value in rng.normal(size=n) + shift * np.array(label)]

    held = {"dev": scores(), "test": scores()}
    return {
        "simulated": True, "rows": {"dev": rows, "test": rows}, "unreadable": 0, "missing": {}, "curve": [], "log": [],
        "trainable": 150_000, "parameters": 2_000_000, "missing_fill": "pixel0",
        "scores": {rule: {"epoch": 1, **held} for rule in ("last_epoch", "source_dev_epoch", "oracle_target_epoch")},
        "audit": {"rows": [["test", "alder", "bona_fide", 60], ["test", "alder", "print_flat", 60]],
                  "subjects": [["test", "alder", 30]], "sentences": ["subjects in more than one split: 0"]},
    }  # fmt: skip


SETTINGS: dict[str, Any] = {
    "data": {"captures": ["x.csv"]},
    "methods": {
        "base": {"entry": "vit_concat"}, "good": {"entry": "mmdg"},
        "lucky": {"like": "base", "shuffle": True, "label": "Shuffled"},
    },
    "parts": [
        {"title": "Out", "methods": ["base", "good"], "protocols": ["bcd_a"], "baseline": "base"},
        {"title": "Two", "methods": ["base", "good"], "protocols": ["ab_cd"], "seeds": [0]},
        {"title": "Valid", "methods": ["lucky"], "protocols": ["bcd_a"], "check": "chance"},
    ],
}  # fmt: skip


def find(shifts: Mapping[str, float]) -> Any:
    def found(method: str, protocol: str, seed: int) -> dict[str, Any] | None:
        domains = ("cedar", "dogwood") if protocol == "ab_cd" else ("alder",)
        return made(shift=shifts[method], seed=seed + (0 if method == "base" else 10), domains=domains)

    return found


def test_the_summary_says_who_is_better_and_whether_chance_is_chance() -> None:
    plan = plan_of(SETTINGS)
    found = summarize_transfer(plan, find({"base": 1.0, "good": 3.0, "lucky": 0.0}))
    sentences = " ".join(found.sentences)
    assert "good against base" in sentences
    assert "fewer errors" in sentences
    assert "holds 50 %, as it must" in sentences
    leaky = summarize_transfer(plan, find({"base": 3.0, "good": 1.0, "lucky": 1.0}))
    sentences = " ".join(leaky.sentences)
    assert "more errors" in sentences
    assert "does NOT hold 50 %" in sentences
    equal = summarize_transfer(plan, find({"base": 1.0, "good": 1.0, "lucky": 0.0}))
    assert "no difference shown" in " ".join(equal.sentences)
    assert found.simulated
    assert all(table.simulated for table in found.tables)
    titles = [table.title for table in found.tables]
    assert any(title.startswith("Out: Paired difference to base") for title in titles)
    assert any(title == "Audit of the splits" for title in titles)


def test_shuffled_runs_are_judged_over_runs_and_one_part_may_have_more_seeds() -> None:
    def leaky(shift: float) -> Any:
        # every run is off by 1.5 to its own side: over subjects each is certain, over runs they cancel
        return lambda method, protocol, seed: made(shift=shift * (-1) ** seed, seed=seed)

    part = {"title": "Valid", "methods": ["lucky"], "protocols": ["bcd_a"], "check": "chance", "seeds": [0, 1, 2, 3]}
    plan = plan_of({**SETTINGS, "parts": [part]})
    found = summarize_transfer(plan, leaky(1.5))
    assert "over 4 runs holds 50 %, as it must" in found.sentences[0]
    row = found.tables[0].rows[0]
    assert row[-2] == "yes"
    assert "t over 4 runs" in found.tables[0].note
    runs = [roc_auc_score(one["rows"]["test"]["label"], one["scores"]["last_epoch"]["test"])
            for one in (leaky(1.5)("lucky", "bcd_a", seed) for seed in range(4))]  # fmt: skip
    half = float(stats.t.ppf(0.975, 3) * np.std(runs, ddof=1) / 2)
    assert row[-1] == f"± {100 * half:.1f}"
    assert f"a mean up to {100 * half:.1f} points off would have held it too: a weak check" in found.sentences[0]
    same = summarize_transfer(plan, lambda method, protocol, seed: made(shift=0.6, seed=seed))
    assert "does NOT hold 50 %" in same.sentences[0]
    assert "would have held" not in same.sentences[0]
    sharp = summarize_transfer(plan, lambda method, protocol, seed: made(shift=0.0, seed=seed, n=1200))
    assert "points off would have held it too." in sharp.sentences[0], "a narrow interval is not called weak"
    single = plan_of({**SETTINGS, "parts": [{**part, "seeds": [0]}]})
    assert "decides nothing" in summarize_transfer(single, leaky(1.5)).sentences[0]


def test_tables_tell_the_size_of_a_method_and_what_stands_for_a_missing_sensor() -> None:
    plan = plan_of(SETTINGS)

    def found(method: str, protocol: str, seed: int) -> dict[str, Any]:
        one = made(shift=1.0, seed=seed)
        lost = dict.fromkeys(("depth", "infrared", "depth+infrared"), one["scores"]["last_epoch"]["test"])
        return {**one, "missing": lost, "missing_dev": lost, "missing_fill": "norm0" if method == "good" else "pixel0"}

    tables = {table.title: table for table in summarize_transfer(plan, found).tables}
    main = next(table for title, table in tables.items() if title.startswith("Out: HTER"))
    assert main.columns[-1] == "parameters trained / all, millions"
    assert {row[-1] for row in main.rows} == {"0.15 / 2.00"}
    lacking = [table for title, table in tables.items() if title.startswith("Out: Sensors missing")]
    assert len(lacking) == 4
    for table in lacking:
        assert "(missing_fill): pixel0 in base; norm0 in good." in table.note
        assert "models are those of the last epoch, whatever rule" in table.note


def test_what_is_fitted_without_parameters_is_not_said_to_train_none() -> None:
    settings = {**SETTINGS, "methods": {**SETTINGS["methods"], "good": {"entry": "sensor_evidence"}}}

    def found(method: str, protocol: str, seed: int) -> dict[str, Any]:
        return {**made(shift=1.0, seed=seed), "trainable": 0 if method == "good" else 150_000}

    tables = {table.title: table for table in summarize_transfer(plan_of(settings), found).tables}
    main = next(table for title, table in tables.items() if title.startswith("Out: HTER"))
    assert [row[-1] for row in main.rows] == ["0.15 / 2.00", "closed form / 2.00"]


def test_protocols_that_test_the_same_people_share_their_draws() -> None:
    def found(method: str, protocol: str, seed: int) -> dict[str, Any]:
        one = made(shift=1.0, seed=1)
        if protocol.endswith("-masks"):
            rows = {**one["rows"]["test"], "subject": [f"other {name}" for name in one["rows"]["test"]["subject"]]}
            one = {**one, "rows": {"dev": one["rows"]["dev"], "test": rows}}
        return one

    scores = ScoresOverSeeds(found)
    prints, replays, masks = (
        scores.over("base", f"half1_half2-{group}", "hter", seeds=(0,), look=ScoreSelection())
        for group in ("prints", "replays", "masks")
    )
    assert prints is not None
    assert replays is not None
    assert masks is not None
    assert np.array_equal(prints.replicates, replays.replicates)
    assert not np.array_equal(prints.replicates, masks.replicates)
    both = ["half1_half2-prints", "half1_half2-replays"]
    mean = scores.mean("base", both, "hter", seeds=(0,), look=ScoreSelection())
    assert mean is not None
    assert np.std(mean.replicates) == pytest.approx(np.std(prints.replicates)), "the same rows twice tell no more"


def test_the_main_table_says_whose_settings_were_chosen() -> None:
    tuned = {"entry": "mmdg", "tune": [{"training": {"rate": 0.001}}, {"training": {"rate": 0.002}}]}
    plan = plan_of({**SETTINGS, "methods": {**SETTINGS["methods"], "good": tuned}})
    held = find({"base": 1.0, "good": 3.0, "lucky": 0.0})
    table = next(t for t in summarize_transfer(plan, held).tables if t.title.startswith("Out: HTER"))
    assert "Settings were chosen on a fold of the sources for good; not for base." in table.note
    plain = next(t for t in summarize_transfer(plan_of(SETTINGS), held).tables if t.title.startswith("Out: HTER"))
    assert "chosen" not in plain.note


def test_pooled_and_averaged_targets_are_different_figures() -> None:
    plan = plan_of(SETTINGS)
    scores = ScoresOverSeeds(find({"base": 1.0, "good": 2.0, "lucky": 0.0}))
    pooled = scores.over("base", "ab_cd", "auc", seeds=(0,), look=ScoreSelection())
    averaged = scores.averaged("base", "ab_cd", "auc", seeds=(0,), look=ScoreSelection())
    each = [
        scores.over("base", "ab_cd", "auc", seeds=(0,), look=ScoreSelection(target=name))
        for name in ("cedar", "dogwood")
    ]
    assert pooled is not None
    assert averaged is not None
    assert averaged.value == pytest.approx(np.mean([one.value for one in each if one is not None]))
    assert pooled.value != averaged.value
    assert pooled.n == averaged.n == 120
    summary = summarize_transfer(plan, scores.find)
    table = next(t for t in summary.tables if t.title.startswith("Two: HTER"))
    heads = ("AB→CD, pooled", "AB→CD, averaged", "mean (pooled)", "mean (averaged)")
    assert table.columns[1:6] == (*heads, "mean AUC % (pooled)")
    areas = next(t for t in summary.tables if t.title == "Two: AUC %, last epoch")
    assert areas.columns == ("method", *heads)
    row = next(row for row in areas.rows if row[0] == "base")
    assert row[1:5] == (percent(pooled), percent(averaged), percent(pooled), percent(averaged))
    assert (
        "Targets of one protocol are pooled." in next(t for t in summary.tables if "Two: The same runs" in t.title).note
    )


def test_videos_and_failed_cells() -> None:
    whole = find({"base": 1.0, "good": 2.0, "lucky": 0.0})
    scores = ScoresOverSeeds(whole)
    frames = scores.measures("base", "bcd_a", 0, ScoreSelection())
    videos = scores.measures("base", "bcd_a", 0, ScoreSelection(video=True))
    assert frames is not None
    assert videos is not None
    assert (frames["hter"].n, videos["hter"].n) == (120, 120)  # every capture here is a video of its own
    lost = ScoresOverSeeds(lambda method, protocol, seed: None if seed == 1 else whole(method, protocol, seed))
    assert (
        lost.over("base", "bcd_a", "hter", seeds=(0, 1, 2), look=ScoreSelection()) is None
    )  # unequal seeds are no pair
    assert lost.over("base", "bcd_a", "hter", seeds=(0, 2), look=ScoreSelection()) is not None


def test_few_people_on_dev_make_the_interval_of_a_frozen_threshold_wide() -> None:
    def among(people: int) -> float:
        one = made(shift=2.0, seed=1)
        dev = {**one["rows"]["dev"], "subject": [f"d{i // 2 % people}" for i in range(120)]}
        scores = ScoresOverSeeds(lambda method, protocol, seed: {**one, "rows": {**one["rows"], "dev": dev}})
        found = scores.measures("base", "bcd_a", 0, ScoreSelection())
        assert found is not None
        interval = found["hter"].interval()
        assert found["hter_at_target_eer"].interval().high > 0
        return interval.high - interval.low

    assert among(3) != among(60)


def test_a_part_to_choose_by_shows_the_sources_dev_and_nothing_of_the_target() -> None:
    part = {"title": "Rates", "methods": ["base", "good"], "protocols": ["bcd_a"], "check": "dev"}
    plan = plan_of({**SETTINGS, "parts": [part]})
    held = find({"base": 1.0, "good": 3.0})
    found = summarize_transfer(plan, held)
    table = found.tables[0]
    assert table.columns == ("method", "EER %", "AUC %")
    assert [other.title for other in found.tables[1:]] == ["Audit of the splits"]
    assert not found.figures
    assert found.data == {"parts": []}
    assert not any("target" in sentence.lower() and "HTER" in sentence for sentence in found.sentences)
    areas = []
    for seed in plan.parts[0].seeds:
        result = held("good", "bcd_a", seed)
        areas.append(roc_auc_score(result["rows"]["dev"]["label"], result["scores"]["last_epoch"]["dev"]))
    assert [row[2] for row in table.rows if row[0] == "good"] == [f"{100 * float(np.mean(areas)):.1f}"]
    lost = summarize_transfer(plan, lambda *key: None if key[0] == "good" and key[2] == 1 else held(*key))
    assert [row[0] for row in lost.tables[0].rows] == ["base"], "a mean over fewer runs is not set beside the others"


def test_areas_are_told_by_protocol_under_either_rule() -> None:
    part = {"title": "Out", "methods": ["base", "good"], "protocols": ["bcd_a", "acd_b"]}
    plan = plan_of({**SETTINGS, "parts": [part]})
    scores = ScoresOverSeeds(find({"base": 1.0, "good": 3.0}))
    tables = {table.title: table for table in summarize_transfer(plan, scores.find).tables}
    last = tables["Out: AUC %, last epoch"]
    oracle = tables["Out: Community rule †: AUC %, oracle_target_epoch"]
    assert last.columns == ("method", "BCD→A", "ACD→B", "mean")
    assert oracle.columns == ("method", "BCD→A †", "ACD→B †", "mean †")
    for table, rule in ((last, "last_epoch"), (oracle, "oracle_target_epoch")):
        (row,) = [row for row in table.rows if row[0] == "good"]
        one = [
            scores.over("good", name, "auc", seeds=(0, 1, 2), look=ScoreSelection(rule)) for name in ("bcd_a", "acd_b")
        ]
        assert row[1:3] == tuple(percent(found) for found in one)
    only = plan_of({**SETTINGS, "parts": [part], "scored_epochs": "last"})
    titles = [table.title for table in summarize_transfer(only, scores.find).tables]
    assert sum("AUC %, last epoch" in title for title in titles) == 1
    assert not any("Community rule" in title and "AUC" in title for title in titles)


def test_what_peeks_is_marked_everywhere_because_the_measure_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of({**SETTINGS, "parts": SETTINGS["parts"][:1]})
    held = find({"base": 1.0, "good": 3.0})

    def columns(summary: Summary) -> set[str]:
        return {column for table in summary.tables for column in table.columns if "†" in column}

    summary = summarize_transfer(plan, held)
    assert {"HTER at target EER †", "HTER at target EER, last_epoch †", "BCD→A †", "mean †"} <= columns(summary)
    assert not any(word in column for column in columns(summary) for word in ("dev threshold", "per video"))
    for table in summary.tables:
        assert any("†" in text for text in (table.title, *table.columns)) == ("target-peeking" in table.note)
    page = render_latex(summary, command="x")
    assert "†" not in page
    assert r"BCD$\to$A \textdagger{}" in page
    assert r"Community rule \textdagger{}: HTER \% at the target's EER" in page
    assert "BCD→A †" in render_markdown(summary, command="x")
    for row in summary.data["parts"][0]["figures"]:
        assert row["peeks"] is (row["rule"] == "oracle_target_epoch")
        peeking = {"hter_at_target_eer", "threshold_regret", "bpcer20"}
        wanted = {"hter", "apcer_pooled", "bpcer", "auc"} | peeking if row["peeks"] else peeking
        assert set(row["peeking"]) == wanted
    monkeypatch.setattr("facewarden.experiments.domain_generalization.labels.TARGET_PEEKING", ("hter",))
    marks = columns(summarize_transfer(plan, held))
    assert "HTER, dev threshold †" in marks
    assert "HTER at target EER, last_epoch †" not in marks


def test_one_training_run_claims_nothing_of_another() -> None:
    part = {"title": "Out", "methods": ["base", "good"], "protocols": ["bcd_a"], "baseline": "base"}
    held = find({"base": 1.0, "good": 3.0})
    for seeds, alone in (([0], True), ([0, 1], False)):
        found = summarize_transfer(plan_of({**SETTINGS, "parts": [{**part, "seeds": seeds}]}), held)
        assert ("fewer errors in this one run; 1 protocol, 1 seed," in found.sentences[0]) is alone
        figure = str(found.figures[0].data["xlabel"])
        assert ("of one training run" in figure) is alone
        for table in found.tables[:-1]:
            lone = (
                "over subjects; one training run: the interval does not include the variation between seeds]"
                in table.note
            )
            assert lone is alone
            assert ("subjects and seeds]; 2 seeds," in table.note) is not alone
        paired = next(table for table in found.tables if "Paired difference" in table.title)
        assert ("of the target) and seed," in paired.note) is not alone
