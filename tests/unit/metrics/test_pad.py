"""PAD error rates on tables small enough to check by eye, and properties that must hold on any scores."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewarden.core.errors import BadInputError, LeakError
from facewarden.metrics import pad

# One table for the whole file. Read it as a column of scores, lowest first:
#   score     1  2  3  4  5  6  7  8  9  10
#   class     a  a  a  B  a  B  a  B  B  B      B = bona fide, a = attack
#   species   p  p  s  -  p  -  s  -  -  -      p = print, s = screen
SCORES = np.arange(1.0, 11.0)
LABELS = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1])
SPECIES = np.array(["print", "print", "screen", "", "print", "", "screen", "", "", ""])
ATTACK, BONA_FIDE = SCORES[LABELS == 0], SCORES[LABELS == 1]
KINDS = SPECIES[LABELS == 0]


@pytest.mark.parametrize(
    ("threshold", "by_print", "by_screen", "pooled", "rejected"),
    [
        (0.0, 1.0, 1.0, 1.0, 0.0),  # everything is accepted
        (2.0, 2 / 3, 1.0, 4 / 5, 0.0),  # a score equal to the threshold is accepted
        (5.0, 1 / 3, 1 / 2, 2 / 5, 1 / 5),
        (5.5, 0.0, 1 / 2, 1 / 5, 1 / 5),
        (7.5, 0.0, 0.0, 0.0, 2 / 5),
        (11.0, 0.0, 0.0, 0.0, 1.0),  # nothing is accepted
    ],
)
def test_rates_at_a_threshold(
    threshold: float, by_print: float, by_screen: float, pooled: float, rejected: float
) -> None:
    worst = max(by_print, by_screen)
    assert pad.apcer(ATTACK, KINDS, threshold=threshold) == {"print": by_print, "screen": by_screen}
    assert pad.worst_apcer(ATTACK, KINDS, threshold=threshold) == worst
    assert pad.pooled_apcer(ATTACK, threshold) == pooled
    assert pad.bpcer(BONA_FIDE, threshold) == rejected
    both = pad.acer_worst_species(SCORES, LABELS, species=SPECIES, threshold=threshold)
    assert both == pytest.approx((worst + rejected) / 2)
    assert pad.acer_pooled(SCORES, LABELS, threshold=threshold) == pytest.approx((pooled + rejected) / 2)
    assert pad.hter(SCORES, LABELS, threshold=threshold) == pytest.approx((pooled + rejected) / 2)


def test_equal_error_at_a_threshold_where_both_rates_agree() -> None:
    # Above 5 and up to 6: attack 7 of 5 attacks is accepted (1/5), bona fide 4 of 5 is rejected (1/5).
    assert pad.eer(SCORES, LABELS) == pytest.approx(1 / 5)
    assert pad.eer_threshold(SCORES, LABELS) == 5.5


def test_equal_error_between_two_thresholds() -> None:
    # Attacks 1 3, bona fide 2 4 5. At 3: APCER 1/2, BPCER 1/3. At 4: APCER 0, BPCER 1/3.
    # The line from (1/2, 1/3) to (0, 1/3) meets the diagonal at 1/3.
    scores, labels = np.array([1.0, 3, 2, 4, 5]), np.array([0, 0, 1, 1, 1])
    assert pad.eer(scores, labels) == pytest.approx(1 / 3)
    # |1/2 - 1/3| = 1/6 beats |0 - 1/3|: accept from 3 on, halfway to the rejected 2.
    assert pad.eer_threshold(scores, labels) == 2.5


def test_tied_scores_fall_together() -> None:
    # Everything has one score: accept all (APCER 1, BPCER 0) or nothing (0, 1); the line between meets at 1/2.
    scores, labels = np.full(6, 2.0), np.array([0, 0, 0, 0, 1, 1])
    assert pad.eer(scores, labels) == 0.5
    assert pad.auc(scores, labels) == 0.5
    # No usable threshold tolerates 5 % of attacks but the one that rejects everyone.
    assert pad.bpcer_at_apcer(scores, labels, apcer=0.05, over="pooled") == 1.0
    assert pad.eer_threshold(scores, labels) > 2.0  # of two equally bad thresholds the safe one


def test_classes_fully_apart() -> None:
    scores, labels = np.array([-5.0, -4, 4, 5]), np.array([0, 0, 1, 1])
    assert pad.eer(scores, labels) == 0.0
    assert pad.auc(scores, labels) == 1.0
    assert pad.eer_threshold(scores, labels) == 0.0
    assert pad.auc(-scores, labels) == 0.0
    assert pad.eer(-scores, labels) == 1.0


def test_area_counts_pairs() -> None:
    # Of 25 pairs the attacks 5 and 7 beat one (4) and two (4, 6) bona fide: 22 pairs are in order.
    assert pad.auc(SCORES, LABELS) == pytest.approx(22 / 25)


@pytest.mark.parametrize(
    ("apcer", "over", "threshold", "rejected"),
    [
        # pooled: k of 5 attacks tolerated
        (0.0, "pooled", 7.5, 2 / 5),
        (0.19, "pooled", 7.5, 2 / 5),
        (0.2, "pooled", 5.5, 1 / 5),  # exactly one of five is allowed
        (0.4, "pooled", 3.5, 0.0),
        (1.0, "pooled", 1.0, 0.0),
        # worst species: of two screens the rate 0.5 tolerates one (7), of three prints one (5)
        (0.2, "worst_species", 7.5, 2 / 5),
        (0.5, "worst_species", 3.5, 0.0),
    ],
)
def test_bpcer_at_apcer(apcer: float, over: pad.Over, threshold: float, rejected: float) -> None:
    assert pad.apcer_threshold(SCORES, LABELS, apcer=apcer, over=over, species=SPECIES) == threshold
    assert pad.bpcer_at_apcer(SCORES, LABELS, apcer=apcer, over=over, species=SPECIES) == rejected
    if over == "pooled":
        assert pad.tpr_at_fpr(SCORES, LABELS, fpr=apcer) == 1 - rejected


def test_exact_shares_survive_rounding() -> None:
    # 0.29 * 100 is 28.999999999999996 in floating point; 29 of 100 attacks must still be tolerated.
    scores = np.concatenate([np.arange(100.0), [70.5]])
    labels = np.array([0] * 100 + [1])
    assert pad.bpcer_at_apcer(scores, labels, apcer=0.29, over="pooled") == 0.0
    assert pad.bpcer_at_apcer(scores, labels, apcer=0.28, over="pooled") == 1.0


def test_adjacent_floats_leave_no_middle() -> None:
    low, high = 1.0, float(np.nextafter(1.0, 2.0))
    threshold = pad.eer_threshold(np.array([low, high]), np.array([0, 1]))
    assert low < threshold <= high


@pytest.mark.parametrize(("labels", "missing"), [(np.zeros(10, int), "bona fide"), (np.ones(10, int), "attack")])
def test_one_class_is_named(labels: np.ndarray, missing: str) -> None:
    for call in (pad.eer, pad.auc, pad.eer_threshold):
        with pytest.raises(BadInputError, match=f"no {missing} row"):
            call(SCORES, labels)
    with pytest.raises(BadInputError, match=f"no {missing} row"):
        pad.fit_rule(SCORES, labels, split="dev")


def test_bad_input_is_refused() -> None:
    broken = SCORES.copy()
    broken[3] = np.nan
    with pytest.raises(BadInputError, match="1 of 10 are NaN or infinite, the first at row 3"):
        pad.eer(broken, LABELS)
    with pytest.raises(BadInputError, match="label"):
        pad.eer(SCORES, np.where(LABELS == 0, -1, 1))
    with pytest.raises(BadInputError, match="one entry per row"):
        pad.eer(SCORES, LABELS[:-1])
    with pytest.raises(BadInputError, match="one dimension"):
        pad.bpcer(SCORES[:, None], 0.5)
    with pytest.raises(BadInputError, match="between 0 and 1"):
        pad.bpcer_at_apcer(SCORES, LABELS, apcer=5.0, over="pooled")
    with pytest.raises(BadInputError, match="needs species"):
        pad.bpcer_at_apcer(SCORES, LABELS, apcer=0.05, over="worst_species")
    with pytest.raises(BadInputError, match="no attack"):
        pad.apcer(np.zeros(0), np.zeros(0, str), threshold=0.0)
    with pytest.raises(BadInputError, match="numbers"):
        pad.bpcer(np.array(["a"]), 0.5)


def test_fit_rule_remembers_where_it_came_from() -> None:
    rule = pad.fit_rule(SCORES, LABELS, split="dev", source="table")
    assert (rule.threshold, rule.policy, rule.split, rule.source) == (5.5, "eer", "dev", "table")
    assert (rule.n_bona_fide, rule.n_attack, rule.oracle) == (5, 5, False)


def test_fit_rule_says_which_apcer_it_held() -> None:
    pooled = pad.fit_rule(SCORES, LABELS, policy="bpcer_at_apcer=0.2", split="dev")
    worst = pad.fit_rule(SCORES, LABELS, policy="bpcer_at_apcer=0.2", split="dev", species=SPECIES)
    assert (pooled.policy, pooled.threshold) == ("bpcer_at_pooled_apcer=0.2", 5.5)
    assert (worst.policy, worst.threshold) == ("bpcer_at_worst_apcer=0.2", 7.5)
    explicit = pad.fit_rule(SCORES, LABELS, policy="bpcer_at_pooled_apcer=0.2", split="dev", species=SPECIES)
    assert explicit == pooled


def test_fit_rule_refuses_test_rows_and_unknown_policies() -> None:
    with pytest.raises(LeakError):
        pad.fit_rule(SCORES, LABELS, split="test")
    for policy in ("youden", "bpcer_at_apcer", "bpcer_at_apcer=five"):
        with pytest.raises(BadInputError, match="policy"):
            pad.fit_rule(SCORES, LABELS, policy=policy, split="dev")


# ---- properties: small integer scores, so that ties are common --------------------------------------------------

CASES = st.tuples(
    st.lists(st.integers(0, 6), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from("abc")), min_size=1, max_size=12),
)
Case = tuple[list[int], list[tuple[int, str]]]


def table(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bona_fide, attack = case
    scores = np.array(bona_fide + [score for score, _ in attack], dtype=float)
    labels = np.array([1] * len(bona_fide) + [0] * len(attack))
    return scores, labels, np.array([""] * len(bona_fide) + [kind for _, kind in attack])


@given(CASES)
@settings(max_examples=150, deadline=None)
def test_equals_brute_force(case: Case) -> None:
    scores, labels, species = table(case)
    bona_fide, attack = case
    pairs = [(b > a) + 0.5 * (b == a) for b in bona_fide for a, _ in attack]
    assert pad.auc(scores, labels) == pytest.approx(sum(pairs) / len(pairs))

    thresholds = [*range(8)]  # every integer score and one above
    for target in (0.0, 0.1, 1 / 3, 0.5, 1.0):
        for over in ("pooled", "worst_species"):
            allowed = []
            for threshold in thresholds:
                kinds = {kind: [s for s, k in attack if k == kind] for _, kind in attack}
                groups = list(kinds.values()) if over == "worst_species" else [[s for s, _ in attack]]
                rate = max(sum(s >= threshold for s in group) / len(group) for group in groups)
                if rate <= target:
                    allowed.append(sum(b < threshold for b in bona_fide) / len(bona_fide))
            found = pad.bpcer_at_apcer(scores, labels, apcer=target, over=over, species=species)
            assert found == pytest.approx(min(allowed))

    rates = [
        (sum(a >= t for a, _ in attack) / len(attack), sum(b < t for b in bona_fide) / len(bona_fide))
        for t in thresholds
    ]
    crossings = []
    for (far, frr), (next_far, next_frr) in itertools.pairwise(rates):
        gap, next_gap = far - frr, next_far - next_frr
        if gap >= 0 >= next_gap:
            share = gap / (gap - next_gap) if gap > next_gap else 0.0
            crossings.append(far + share * (next_far - far))
    assert all(pad.eer(scores, labels) == pytest.approx(value) for value in crossings)
    chosen = pad.eer_threshold(scores, labels)
    gap = abs(pad.pooled_apcer(scores[labels == 0], chosen) - pad.bpcer(scores[labels == 1], chosen))
    assert gap == pytest.approx(min(abs(far - frr) for far, frr in rates))


@given(CASES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_of_rows_does_not_matter(case: Case, random: object) -> None:
    scores, labels, species = table(case)
    order = np.array(sorted(range(scores.size), key=lambda _: random.random()))  # type: ignore[attr-defined]
    shuffled = scores[order], labels[order]
    assert pad.eer(*shuffled) == pad.eer(scores, labels)
    assert pad.auc(*shuffled) == pad.auc(scores, labels)
    assert pad.apcer_threshold(
        *shuffled, apcer=0.3, over="worst_species", species=species[order]
    ) == pad.apcer_threshold(scores, labels, apcer=0.3, over="worst_species", species=species)


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_only_the_order_of_scores_matters(case: Case) -> None:
    scores, labels, species = table(case)
    for transform in (np.exp, lambda x: 3 * x - 7, lambda x: x**3):
        moved = transform(scores)
        assert pad.eer(moved, labels) == pad.eer(scores, labels)
        assert pad.auc(moved, labels) == pad.auc(scores, labels)
        for over in ("pooled", "worst_species"):
            old = pad.bpcer_at_apcer(scores, labels, apcer=0.2, over=over, species=species)
            assert pad.bpcer_at_apcer(moved, labels, apcer=0.2, over=over, species=species) == old


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_rates_move_one_way_with_the_threshold(case: Case) -> None:
    scores, labels, species = table(case)
    attack, kinds, bona_fide = scores[labels == 0], species[labels == 0], scores[labels == 1]
    thresholds = np.arange(-0.5, 8, 0.5)
    worst = [pad.worst_apcer(attack, kinds, threshold=t) for t in thresholds]
    pooled = [pad.pooled_apcer(attack, t) for t in thresholds]
    rejected = [pad.bpcer(bona_fide, t) for t in thresholds]
    assert (np.diff(worst) <= 0).all()
    assert (np.diff(rejected) >= 0).all()
    assert all(w >= p - 1e-12 for w, p in zip(worst, pooled, strict=True))
    limits = [pad.bpcer_at_apcer(scores, labels, apcer=a, over="pooled") for a in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert (np.diff(limits) <= 0).all()
