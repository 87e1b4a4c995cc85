from __future__ import annotations

import pytest

from facewarden.reporting.document import LETTERS, Metric, SectionName
from facewarden.reporting.grades import SCALES, grade


def rate(name: str, high: float | None, *, value: float | None = None, n: int = 200, **group: str) -> Metric:
    value = (high or 0.0) if value is None else value
    low = None if high is None else value
    return Metric(name, value, low, high, n, simulated=False, unit="%", group=group)


def half(low: float) -> Metric:
    return Metric("eps_half", low + 1, low, low + 2, 200, simulated=False, unit="/255", group={"attack": "pgd"})


@pytest.mark.parametrize(
    ("high", "letter"),
    [
        (0.0, "A"), (0.025, "A"), (0.0251, "B"), (0.05, "B"), (0.0501, "C"), (0.10, "C"), (0.1001, "D"), (0.20, "D"),
        (0.2001, "E"), (0.35, "E"), (0.3501, "F"), (1.0, "F"),
    ],
)  # fmt: skip
def test_presentation_at_its_limits(high: float, letter: str) -> None:
    assert grade("presentation", [rate("acer_worst_species", high)]).letter == letter


def test_presentation_is_graded_on_the_whole_set_and_on_its_worst_part_only_without_it() -> None:
    parts = [rate("acer_worst_species", high, domain=name) for name, high in (("alder", 0.3), ("birch", 0.01))]
    assert grade("presentation", [*parts, rate("acer_worst_species", 0.08)]).letter == "C"
    assert grade("presentation", parts).letter == "E"


def test_the_upper_end_decides_and_the_reason_says_so() -> None:
    verdict = grade("presentation", [rate("acer_worst_species", 0.12, value=0.02)])
    assert verdict.letter == "D"
    assert "2.0\u00a0% (2.0–12.0), n\u00a0=\u00a0200" in verdict.reason
    assert "20.0\u00a0%, the limit of D" in verdict.reason
    assert "point alone would get A" in verdict.reason


@pytest.mark.parametrize(
    ("high", "lower_half", "letter"),
    [
        (0.05, None, "A"), (0.15, None, "B"), (0.30, None, "C"), (0.50, None, "D"),
        (0.51, 2.0, "E"), (0.51, 1.99, "F"), (0.51, None, "F"), (1.0, 2.5, "E"), (0.05, 0.1, "A"),
    ],
)  # fmt: skip
def test_perturbation_at_its_limits(high: float, lower_half: float | None, letter: str) -> None:
    metrics = [rate("success_rate", high, eps="8/255", attack="pgd")]
    metrics += [] if lower_half is None else [half(lower_half)]
    assert grade("perturbation", metrics).letter == letter


def test_perturbation_takes_the_strongest_attack_at_the_named_budget_only() -> None:
    metrics = [
        rate("success_rate", 0.04, eps="8/255", attack="noise"),
        rate("success_rate", 0.28, eps="0.03137254901960784", attack="pgd"),
        rate("success_rate", 0.99, eps="16/255", attack="pgd"),
    ]
    verdict = grade("perturbation", metrics)
    assert verdict.letter == "C"
    assert "pgd" in verdict.reason
    assert grade("perturbation", metrics[2:]).letter is None


@pytest.mark.parametrize(
    ("high", "letter"),
    [(0.05, "A"), (0.10, "B"), (0.20, "C"), (0.40, "D"), (0.70, "E"), (0.71, "F")],
)
def test_poisoning_at_its_limits(high: float, letter: str) -> None:
    assert grade("poisoning", [rate("protection_rate", high, purifier="none", cloak="x")]).letter == letter


def poisoned(**accuracy: float) -> list[Metric]:
    rates = {"none": (0.9, 0.6), "jpeg": (0.3, 0.04), "median": (0.18, 0.19), "blackout": (0.01, 0.01)}
    found = [
        rate("protection_rate", high, purifier=name, cloak=cloak)
        for name, highs in rates.items()
        for cloak, high in zip(("fawkes", "lowkey"), highs, strict=True)
    ]
    return found + [rate("verification_accuracy", value, purifier=name) for name, value in accuracy.items()]


def test_without_a_budget_that_flips_half_it_is_e_as_long_as_half_resist() -> None:
    at_eight = rate("success_rate", 0.62, value=0.45, eps="8/255", attack="pgd")
    verdict = grade("perturbation", [at_eight])
    assert verdict.letter == "E"
    assert "No measured budget flips half" in verdict.reason
    assert grade("perturbation", [at_eight, half(1.5)]).letter == "F"


def test_the_best_purifier_is_that_of_the_point_value_and_the_reason_says_of_how_many() -> None:
    # the case: none of 32 missed behind puface, two of 32 behind jpeg, and an interval that ended lower for the latter
    found = [
        rate("excess_protection_rate", 0.099, value=0.0, n=32, purifier="puface", cloak="x"),
        rate("excess_protection_rate", 0.095, value=0.0625, n=32, purifier="jpeg", cloak="x"),
        rate("excess_protection_rate", 0.9, n=32, purifier="none", cloak="x"),
        *(rate("verification_accuracy", 0.98, purifier=name) for name in ("none", "jpeg", "puface")),
    ]
    verdict = grade("poisoning", found)
    assert verdict.letter == "B"
    assert "behind puface, best of 3 by the number itself" in verdict.reason
    tie = [rate("excess_protection_rate", 0.1, value=0.0, purifier=name, cloak="x") for name in ("median", "jpeg")]
    prices = [rate("verification_accuracy", 0.98, purifier=name) for name in ("none", "jpeg", "median")]
    assert "behind jpeg, best of 2" in grade("poisoning", [*tie, *prices]).reason


def test_a_lower_number_with_a_wider_interval_takes_no_grade_away() -> None:
    found = [
        rate("excess_protection_rate", 0.25, value=0.10, purifier="jpeg", cloak="x"),
        rate("excess_protection_rate", 0.17, value=0.11, purifier="median", cloak="x"),
        *(rate("verification_accuracy", 0.98, purifier=name) for name in ("none", "jpeg", "median")),
    ]
    verdict = grade("poisoning", found)
    assert verdict.letter == "C"
    assert "behind median is" in verdict.reason
    assert "The best of 2 by the number itself is jpeg" in verdict.reason


def test_the_cloak_is_not_blamed_for_a_recognizer_that_finds_nobody() -> None:
    hidden = rate("protection_rate", 0.9, value=0.833, purifier="none", cloak="x")
    lost = rate("natural_error", 0.9, value=0.833, purifier="none", tracker="nearest")
    verdict = grade("poisoning", [hidden, lost, rate("excess_protection_rate", 0.09, value=0.0, purifier="none")])
    assert verdict.letter is None
    assert "83.3\u00a0%" in verdict.reason
    assert "do not cloak" in verdict.reason
    fair = rate("natural_error", 0.2, value=0.15, purifier="none", tracker="nearest")
    assert grade("poisoning", [hidden, fair, rate("excess_protection_rate", 0.75, value=0.7)]).letter == "F"
    assert grade("poisoning", [hidden, fair, rate("excess_protection_rate", 0.7, value=0.6)]).letter == "E"


def test_poisoning_takes_the_best_bearable_purifier_on_its_worst_cloak() -> None:
    verdict = grade("poisoning", poisoned(none=0.98, jpeg=0.98, median=0.96, blackout=0.5))
    assert verdict.letter == "C"  # the median: at most 19 %, below jpeg's 30 %; blackout costs too much
    assert "median" in verdict.reason
    assert "lowkey" in verdict.reason
    assert "96.0\u00a0%" in verdict.reason
    assert "98.0\u00a0% without purifying" in verdict.reason


def test_a_purifier_that_costs_more_than_two_points_is_no_defense() -> None:
    assert grade("poisoning", poisoned(none=0.98, jpeg=0.975, median=0.9599)).letter == "D"  # jpeg
    assert grade("poisoning", poisoned()).letter == "F"  # nobody measured a price: only the unpurified counts
    only = [rate("protection_rate", 0.01, purifier="blackout", cloak="x")]
    verdict = grade("poisoning", only)
    assert verdict.letter is None
    assert "no purifier was measured" in verdict.reason


def test_a_worse_figure_on_too_few_samples_is_said_and_does_not_grade() -> None:
    few = rate("success_rate", 1.0, value=1.0, n=12, attack="pgd", eps="8/255")
    many = rate("success_rate", 0.2, value=0.1, n=200, attack="fgsm", eps="8/255")
    both, alone = grade("perturbation", [few, many]), grade("perturbation", [many])
    assert both.letter == alone.letter
    assert "Not counted: 100.0\xa0%" in both.reason
    assert "pgd" in both.reason
    assert "Not counted" not in alone.reason
    assert "Not counted" not in grade("perturbation", [many, rate("success_rate", 0.1, value=0.05, n=12)]).reason


@pytest.mark.parametrize("section", list(SCALES))
def test_no_grade_without_numbers_samples_or_interval(section: SectionName) -> None:
    scale = SCALES[section]
    group = {"eps": "8/255", "purifier": "none"} if section != "presentation" else {}
    missing = grade(section, [])
    few = grade(section, [rate(scale.metric, 0.01, n=scale.min_n - 1, **group)])
    bare = grade(section, [rate(scale.metric, None, **group)])
    enough = grade(section, [rate(scale.metric, 0.01, n=scale.min_n, **group)])
    assert (missing.letter, few.letter, bare.letter, enough.letter) == (None, None, None, "A")
    assert "not measured" in missing.reason
    assert f"needs {scale.min_n} samples" in few.reason
    assert "no interval" in bare.reason


@pytest.mark.parametrize("section", list(SCALES))
def test_limits_rise_and_leave_a_letter(section: SectionName) -> None:
    limits = SCALES[section].limits
    assert list(limits) == sorted(set(limits))
    assert len(limits) < len(LETTERS)
