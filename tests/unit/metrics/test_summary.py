"""The summary's figures equal the plain functions, its fast bounds equal a plain bootstrap, and zero is not certain."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.metrics import pad
from facewarden.metrics.checked import codes_of
from facewarden.metrics.estimate import Estimate, worst_of
from facewarden.metrics.intervals import mean_by_subject
from facewarden.metrics.resample import MAX_UNITS, rate_replicates, resampling
from facewarden.metrics.summary import NamedInterval, presentation_summary

RULE = DecisionRule(threshold=0.7, policy="eer", split="dev", source="elsewhere", n_bona_fide=1, n_attack=1)


def captures(
    *, subjects: int, rows: int, seed: int, apart: float = 1.5, digits: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores with an effect of the person and of the species; rounding to `digits` makes ties."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(subjects), rows)
    labels = rng.integers(0, 2, who.size)
    kinds = rng.choice(["mask", "print", "screen"], who.size, p=[0.2, 0.4, 0.4])
    effect = {"mask": 0.6, "print": -0.3, "screen": 0.0}
    scores = rng.normal(size=who.size) + apart * labels + rng.normal(0, 0.4, subjects)[who]
    scores += np.where(labels == 0, [effect[k] for k in kinds], 0.0)
    return (scores if digits is None else scores.round(digits)), labels, kinds, np.char.add("person ", who.astype(str))


def summary(data: tuple[np.ndarray, ...], *, rounds: int = 200, seed: int = 4) -> dict[str, NamedInterval]:
    scores, labels, kinds, who = data
    found = presentation_summary(scores, labels, species=kinds, subjects=who, rule=RULE, seed=seed, rounds=rounds)
    assert len({metric.name for metric in found}) == len(found)
    return {metric.name: metric for metric in found}


def test_values_and_counts_are_the_plain_functions() -> None:
    scores, labels, kinds, _ = data = captures(subjects=30, rows=8, seed=0, digits=1)
    found = summary(data)
    attack = labels == 0
    apcer = pad.apcer(scores[attack], kinds[attack], threshold=0.7)
    expected = {
        **{f"apcer/{kind}": value for kind, value in apcer.items()},
        "apcer_worst_species": max(apcer.values()),
        "apcer_pooled": pad.pooled_apcer(scores[attack], 0.7),
        "bpcer": pad.bpcer(scores[~attack], 0.7),
        "acer_worst_species": pad.acer_worst_species(scores, labels, species=kinds, threshold=0.7),
        "acer_pooled": pad.acer_pooled(scores, labels, threshold=0.7),
        "hter": pad.hter(scores, labels, threshold=0.7),
        "eer": pad.eer(scores, labels),
        "auc": pad.auc(scores, labels),
    }
    for name, target in {"bpcer10": 0.1, "bpcer20": 0.05, "bpcer100": 0.01}.items():
        for over in ("worst_species", "pooled"):
            expected[f"{name}_{over}"] = pad.bpcer_at_apcer(scores, labels, apcer=target, over=over, species=kinds)
    assert {name: metric.value for name, metric in found.items()} == pytest.approx(expected)
    assert all(metric.low <= metric.value <= metric.high for metric in found.values())
    assert found["bpcer"].n == (~attack).sum()
    assert found["apcer/mask"].n == (attack & (kinds == "mask")).sum()
    assert found["eer"].n == scores.size
    assert max(apcer, key=lambda kind: apcer[kind]) in found["apcer_worst_species"].note


@pytest.mark.parametrize("digits", [1, None])
def test_bounds_equal_a_plain_bootstrap_on_the_same_draws(digits: int | None) -> None:
    # The plain way: repeat each row as often as its subject was drawn, and call the plain function.
    scores, labels, kinds, who = data = captures(subjects=25, rows=12, seed=1, digits=digits)
    found = summary(data, rounds=60)
    codes, names = codes_of(who)
    drawn = resampling(codes, names.size, seed=4, rounds=60)
    plain = {
        "eer": lambda s, y, k: pad.eer(s, y),
        "auc": lambda s, y, k: pad.auc(s, y),
        "bpcer20_pooled": lambda s, y, k: pad.bpcer_at_apcer(s, y, apcer=0.05, over="pooled"),
        "bpcer10_pooled": lambda s, y, k: pad.bpcer_at_apcer(s, y, apcer=0.1, over="pooled"),
    }
    for name, function in plain.items():
        replicates = []
        for weights in drawn.weights:
            rows = np.repeat(np.arange(codes.size), weights[codes].astype(int))
            replicates.append(function(scores[rows], labels[rows], kinds[rows]))
        low, high = np.quantile(replicates, [0.025, 0.975])
        value, n = found[name].value, found[name].n
        # at most what people not seen could change: the upper end of 0 errors in as many rows of 25 people
        size = 1 + (n / 25 - 1) / 2
        effective = max(25.0, n / size * (stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, 24)) ** 2)
        unseen = stats.beta.ppf(0.975, 1, effective)
        expected = (min(low, value * (1 - unseen)), max(high, value + unseen * (1 - value)))
        assert (found[name].low, found[name].high) == pytest.approx(expected, abs=1e-6), name


def test_rates_at_the_threshold_are_counts_by_subject() -> None:
    scores, labels, kinds, who = data = captures(subjects=25, rows=12, seed=1)
    found = summary(data)
    wrong = np.where(labels == 1, scores < 0.7, scores >= 0.7).astype(float)
    parts = {"bpcer": labels == 1, "apcer_pooled": labels == 0, "apcer/print": (labels == 0) & (kinds == "print")}
    for name, rows in parts.items():
        alone = mean_by_subject(wrong[rows], who[rows], seed=0)
        assert (found[name].low, found[name].high) == pytest.approx((alone.low, alone.high)), name
    apcer, bpcer, both = found["apcer_pooled"], found["bpcer"], found["acer_pooled"]
    above = np.hypot(apcer.high - apcer.value, bpcer.high - bpcer.value) / 2
    assert both.high == pytest.approx((apcer.value + bpcer.value) / 2 + above)
    assert both.low < both.value


def test_thinned_thresholds_cost_next_to_nothing() -> None:
    # 6000 distinct scores are more than are kept; compare with all of them on the same draws.
    scores, labels, _, who = data = captures(subjects=200, rows=30, seed=2)
    found = summary(data, rounds=40)
    codes, names = codes_of(who)
    drawn = resampling(codes, names.size, seed=4, rounds=40)
    figures = {"eer": [], "auc": [], "bpcer20_pooled": []}
    for weights in drawn.weights:
        rows = np.repeat(np.arange(codes.size), weights[codes].astype(int))
        figures["eer"].append(pad.eer(scores[rows], labels[rows]))
        figures["auc"].append(pad.auc(scores[rows], labels[rows]))
        figures["bpcer20_pooled"].append(pad.bpcer_at_apcer(scores[rows], labels[rows], apcer=0.05, over="pooled"))
    for name, replicates in figures.items():
        low, high = np.quantile(replicates, [0.025, 0.975])
        width = high - low
        assert found[name].low == pytest.approx(low, abs=0.08 * width), name
        assert found[name].high == pytest.approx(high, abs=0.08 * width), name


def test_many_subjects_in_groups_give_the_same_width() -> None:
    # Every row its own person, four times as many as units are drawn: compare with the known binomial error.
    rng = np.random.default_rng(5)
    n = 8 * MAX_UNITS
    labels = rng.integers(0, 2, n)
    scores = rng.normal(size=n) + 2 * labels
    found = {
        metric.name: metric
        for metric in presentation_summary(
            scores, labels, species=np.full(n, "print"), subjects=np.arange(n), rule=RULE, seed=0, rounds=600
        )
    }
    for name in ("bpcer", "apcer/print"):
        metric = found[name]
        error = np.sqrt(metric.value * (1 - metric.value) / metric.n)
        assert metric.high - metric.low == pytest.approx(2 * 1.96 * error, rel=0.12)


def test_grouping_is_blind_to_the_order_of_subjects() -> None:
    # Every second person fails. Groups made by counting off would put all who fail into the same groups.
    n = 4 * MAX_UNITS
    found = mean_by_subject((np.arange(n) % 2).astype(float), np.arange(n), seed=0, rounds=600)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(n), rel=0.12)


def test_replicates_of_a_thinned_curve_are_moved_to_the_exact_value() -> None:
    # On the kept thresholds the rows as they are give 0.12 (last entry), exactly they give 0.10.
    found = Estimate.shifted(0.10, np.array([0.11, 0.14, 0.01, 0.12]), n=10, subjects=20)
    assert found.replicates.tolist() == pytest.approx([0.09, 0.12, 0.0])


def test_a_perfect_detector_on_few_people_is_not_certain() -> None:
    scores, labels, kinds, who = captures(subjects=20, rows=20, seed=3, apart=50.0)
    found = {
        metric.name: metric
        for metric in presentation_summary(
            scores,
            labels,
            species=kinds,
            subjects=who,
            rule=DecisionRule(25.0, "eer", "dev", "elsewhere", 1, 1),
            seed=0,
            rounds=100,
        )
    }
    # 20 people with about 10 rows of a class: a correlation of 0.5 leaves 36 rows, the t quantiles 32
    for name in ("apcer_pooled", "bpcer", "eer", "bpcer20_pooled", "bpcer20_worst_species"):
        assert (found[name].value, found[name].low) == (0.0, 0.0), name
        assert found[name].high == pytest.approx(1 - 0.025 ** (1 / 32), rel=0.1), name
    assert found["auc"].low == pytest.approx(1 - found["eer"].high)
    assert found["apcer_worst_species"].high >= found["apcer_pooled"].high
    assert 0 < found["acer_pooled"].high < found["bpcer"].high  # two independent parts are not both at their worst


def test_worst_species_bounds_hold_the_truth_though_the_maximum_is_biased() -> None:
    # Four species of equal strength: the observed worst lies above the truth, its bounds must still reach down to it.
    rng = np.random.default_rng(8)
    truth, trials, held, held_by_maximum = 0.25, 200, 0, 0
    unit = np.repeat(np.arange(50), 4)
    for trial in range(trials):
        drawn = resampling(unit, 50, seed=trial, rounds=200)
        species = {}
        for name in "abcd":
            accepted = (rng.random(200) < truth).astype(float)
            replicates = rate_replicates(accepted, unit, drawn.weights)
            species[name] = Estimate(float(accepted.mean()), replicates, n=200, subjects=50)
        worst, _ = worst_of({name: one.interval for name, one in species.items()}, 0.95)
        held += worst.low <= truth <= worst.high
        low, high = np.quantile(np.max([one.replicates for one in species.values()], axis=0), [0.025, 0.975])
        held_by_maximum += low <= truth <= high
    assert held >= 178  # 95 % of 200 is 190; four standard deviations are 12
    assert held_by_maximum < 170  # why the maximum is not simply resampled


def test_a_species_of_one_person_is_reported_wide() -> None:
    scores, labels, kinds, who = captures(subjects=20, rows=10, seed=6)
    kinds = np.where((who == who[0]) & (labels == 0), "mask of one person", kinds)
    found = summary((scores, labels, kinds, who))
    lonely = found["apcer/mask of one person"]
    assert lonely.high - lonely.low > 0.5
    assert found["apcer_worst_species"].high >= lonely.high


def test_same_seed_same_bits() -> None:
    data = captures(subjects=12, rows=6, seed=7)
    assert summary(data) == summary(data)
    assert summary(data, seed=5) != summary(data)


def test_bad_rows_are_refused() -> None:
    scores, labels, kinds, who = captures(subjects=4, rows=5, seed=0)
    with pytest.raises(BadInputError, match="scores and subjects"):
        summary((scores, labels, kinds, who[:-1]))
    with pytest.raises(BadInputError, match="no bona fide"):
        summary((scores, np.zeros_like(labels), kinds, who))
    with pytest.raises(BadInputError, match="NaN"):
        summary((np.where(labels == 0, np.nan, scores), labels, kinds, who))


def test_a_share_that_allows_no_attack_at_all_is_said() -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat([1, 0], [60, 60])
    species = np.array(["bona_fide"] * 60 + ["print"] * 50 + ["mask"] * 10)
    found = presentation_summary(
        rng.normal(size=120) + 2.0 * labels, labels, species=species,
        subjects=np.array([f"p{i // 4}" for i in range(120)]), rule=RULE, seed=0, rounds=50,
    )  # fmt: skip
    notes = {one.name: one.note for one in found}
    assert "60 attacks: an APCER of 1% allows none of them" in notes["bpcer100_pooled"]
    assert "allows none" not in notes["bpcer20_pooled"]
    weakest = notes["bpcer20_worst_species"].split("weakest species: ")[1].split(";")[0]
    assert ("allows none" in notes["bpcer20_worst_species"]) == (weakest == "mask")
    assert "allows none" in notes["bpcer100_worst_species"]
