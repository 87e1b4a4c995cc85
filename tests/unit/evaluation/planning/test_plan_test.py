"""Sizes of tests against scipy and simulation, schemes as data, and what a finished test supports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, binomtest

import facewarden
from facewarden.cli import main
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.evaluation.planning.plan import FinishedRate, supports
from facewarden.evaluation.planning.scheme import SchemeLimit, schemes
from facewarden.metrics.laboratory.planning import (
    most_errors,
    power_of,
    sequential_power,
    sequential_verdict,
    trials_for,
    trials_with_power,
    upper_bound,
)


@pytest.mark.parametrize(("errors", "n"), [(0, 20), (3, 50), (7, 7), (1, 900)])
def test_the_bound_is_that_of_scipy(errors: int, n: int) -> None:
    exact = binomtest(errors, n, alternative="less").proportion_ci(0.95, method="exact").high
    assert upper_bound(errors, n) == pytest.approx(exact)


@pytest.mark.parametrize(("limit", "errors"), [(0.07, 0), (0.07, 2), (0.15, 1), (0.01, 0), (0.3, 5)])
def test_so_many_trials_support_a_claim_and_one_less_does_not(limit: float, errors: int) -> None:
    n = trials_for(limit, errors=errors)
    assert upper_bound(errors, n) <= limit < upper_bound(errors, n - 1)
    assert most_errors(n, limit) == errors


def test_power_is_that_of_the_binomial_and_is_reached() -> None:
    n = trials_with_power(0.07, rate=0.02, power=0.8)
    allowed = most_errors(n, 0.07)
    assert power_of(n, 0.07, rate=0.02) == pytest.approx(binom.cdf(allowed, n, 0.02))
    assert power_of(n, 0.07, rate=0.02) >= 0.8
    assert power_of(trials_for(0.07), 0.07, rate=0.02) < 0.8
    assert trials_with_power(0.07, rate=0.0) == trials_for(0.07)
    with pytest.raises(BadInputError, match="does not support"):
        trials_with_power(0.07, rate=0.07)


def test_the_sequential_rule_passes_as_often_as_in_simulation() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.binomial(10, 0.12, 20_000).tolist() for _ in range(2))
    passed = [sequential_verdict(a, b if a == 2 else None) == "pass" for a, b in zip(first, second, strict=True)]
    assert sequential_power(0.12) == pytest.approx(np.mean(passed), abs=0.012)
    with pytest.raises(BadInputError, match="11 successes"):
        sequential_verdict(11)


def test_every_scheme_says_source_and_edition_and_how_sure_it_is() -> None:
    assert len(schemes()) >= 9
    for scheme in schemes().values():
        assert scheme.source
        assert scheme.edition
        assert scheme.how_sure
        assert scheme.limits
    assert schemes()["common_criteria_pad_level_1"].sizes.of_a_species == 90


def test_a_plan_for_a_claim_counts_people_species_and_series(tmp_path: Path) -> None:
    found = facewarden.plan_test(claim=["apcer=0.07", "bpcer=0.15"], species=5, series=4, out=tmp_path)
    apcer, bpcer = found.sizes
    assert (apcer.independent, bpcer.independent) == (42, 19)
    assert apcer.of_people.presentations == 80
    assert "80 presentations of each species (400 in all) from 8 subjects" in found.summary
    page = (tmp_path / "plan.html").read_text(encoding="utf-8")
    assert "no claim of conformity" in page
    assert json.loads((tmp_path / "plan.json").read_text())["sizes"][0]["independent"] == 42


def test_what_a_finished_test_supports() -> None:
    found = facewarden.plan_test(
        scheme="ibeta_level_2", counts=["apcer:print=0/150", "apcer:mask=2/150", "bpcer=20/250", "apcer:screen=0/400"]
    )
    verdict = {(one.rate.metric, one.rate.species): one for one in found.supported}
    assert verdict["apcer", "print"].verdict == "not shown"
    assert verdict["apcer", "print"].needed == 299
    assert verdict["apcer", "mask"].verdict == "exceeded"
    assert verdict["apcer", "screen"].verdict == "supported"
    assert verdict["bpcer", ""].verdict == "supported"
    assert "PAI species: 3 of 5" in found.missing


def test_people_who_repeat_can_only_weaken_what_is_supported() -> None:
    limit = SchemeLimit("apcer", 0.07, "species")
    alone = supports([FinishedRate("apcer", "print", 0, 100)], limit)[0]
    alike = supports([FinishedRate("apcer", "print", 0, 100, high=0.2)], limit)[0]
    assert (alone.verdict, alike.verdict) == ("supported", "not shown")


def test_the_apcer_stands_in_for_an_iapar_that_was_not_measured() -> None:
    limit = SchemeLimit("iapar", 0.15, "species")
    assert supports([FinishedRate("apcer", "print", 0, 90)], limit)[0].verdict == "supported"
    both = [FinishedRate("apcer", "print", 30, 90), FinishedRate("iapar", "print", 1, 90)]
    assert [one.rate.metric for one in supports(both, limit)] == ["iapar"]


def test_a_measured_table_is_a_finished_test(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("score,label,species\n" + "0.1,0,print\n" * 60 + "0.9,0,mask\n" * 60 + "0.9,1,\n" * 60)
    facewarden.evaluate_scores(path, threshold=0.5, out=tmp_path / "o")
    found = facewarden.plan_test(claim=["apcer=0.07"], finished=tmp_path / "o")
    assert {one.rate.species: one.verdict for one in found.supported} == {"print": "supported", "mask": "exceeded"}
    assert {one.rate.errors for one in found.supported} == {0, 60}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({}, "nothing is claimed"),
        ({"claim": ["apcer=7"]}, "is no claim"),
        ({"claim": ["eer=0.1"]}, "is no claim"),
        ({"claim": ["apcer=0.1"], "counts": ["apcer=5"]}, "is no count"),
        ({"claim": ["apcer=0.1"], "counts": ["apcer=5/3"]}, "is no count"),
        ({"claim": ["apcer=0.1"], "species": 0}, "0 species"),
        ({"claim": ["apcer=0.1"], "rate": 0.2}, "not below apcer=0.1"),
        ({"claim": ["apcer=0.1"], "rate": -0.2}, "rate -0.2"),
        ({"claim": ["apcer=0.1"], "rate": float("nan")}, "rate nan"),
        ({"claim": ["apcer=0.1"], "rate": 0.01, "power": 1.0}, "power 1"),
    ],
)
def test_what_is_no_plan_is_refused(words: dict[str, object], error: str) -> None:
    with pytest.raises(BadInputError, match=error):
        facewarden.plan_test(**words)  # type: ignore[arg-type]


def test_an_unknown_scheme_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownEntryError, match="did you mean ibeta_level_1"):
        facewarden.plan_test(scheme="ibeta_level1")
    assert main(["plan-test", "--scheme", "common_criteria_pad_level_1", "--rate", "0.03"]) == 0
    assert "all pass with probability 90.4%" in capsys.readouterr().out


def test_a_limit_that_was_not_measured_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = facewarden.plan_test(claim=["apcer=0.07", "bpcer=0.15"], counts=["bpcer=0/50"])
    assert found.unmeasured == ("apcer <= 0.07",)
    assert found.summary == "Of 2 limits: 1 supported, 1 not measured."
    assert main(["plan-test", "--claim", "apcer=0.07", "far=0.001", "--counts", "frr=0/50"]) == 0
    told = capsys.readouterr().out
    assert "Of 2 limits: 2 not measured." in told
    assert "far <= 0.001: not measured by the finished test" in told


def test_a_species_without_iapar_is_judged_by_its_apcer() -> None:
    rates = [FinishedRate("iapar", "print", 0, 150), FinishedRate("apcer", "print", 90, 150),
             FinishedRate("apcer", "mask", 50, 100)]  # fmt: skip
    found = supports(rates, SchemeLimit("iapar", 0.07, "species"))
    assert [(one.rate.metric, one.rate.species, one.verdict) for one in found] == [
        ("iapar", "print", "supported"), ("apcer", "mask", "exceeded"),
    ]  # fmt: skip


def test_a_count_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadInputError, match="apcer:print is there twice"):
        facewarden.plan_test(claim=["apcer=0.07"], counts=["apcer:print=0/150", "apcer:print=5/100"])


def test_rates_of_simulated_captures_are_said_to_be(tmp_path: Path) -> None:
    rows = "".join(f"{i % 2 + i / 900},{i % 2}\n" for i in range(400))
    (tmp_path / "t.csv").write_text("score,label\n" + rows)
    facewarden.evaluate_scores(tmp_path / "t.csv", simulated=True, out=tmp_path / "s")
    found = facewarden.plan_test(claim=["apcer=0.07"], finished=tmp_path / "s", form=["markdown"], out=tmp_path / "p")
    assert "simulated captures" in found.summary
    assert "imulated" in (tmp_path / "p" / "plan.md").read_text()
