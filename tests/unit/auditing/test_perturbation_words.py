"""What an audit says first of perturbations: the strongest attack, in a few sentences, and the numbers that decide."""

from __future__ import annotations

from facewarden.auditing.judged_attacks import AFTER, BEFORE, CLEAN_MATCHING, MATCHING
from facewarden.auditing.perturbation_words import deciding_first, perturbation_finding
from facewarden.reporting.document import Metric


def metric(name: str, value: float, *, unit: str = "%", **group: str) -> Metric:
    return Metric(name, value, max(value - 0.1, 0.0), value + 0.1, 40, True, unit, group)


def rates(attack: str, sensors: str, *values: float, direction: str = "pooled") -> list[Metric]:
    return [
        metric("success_rate", value, attack=attack, eps=f"{eps}/255", modalities=sensors, direction=direction)
        for eps, value in zip((2, 8), values, strict=True)
    ]


GRID = [
    *rates("pgd", "rgb", 0.1, 0.2), *rates("pgd", "depth", 0.3, 0.4), *rates("pgd", "rgb+depth", 0.5, 0.8),
    *rates("apgd", "rgb+depth", 0.5, 0.7), *rates("noise", "rgb+depth", 0.85, 0.9),
    *rates("pgd", "depth", 0.6, 0.95, direction="bona_fide_as_attack"),
    metric("eps_half", 2.5, unit="/255", attack="pgd", modalities="rgb+depth"),
    *(metric(name, value, attack="pgd", eps="8/255", modalities="rgb")
      for name, value in ((AFTER, 0.6), (BEFORE, 0.3), (MATCHING, 0.5), (CLEAN_MATCHING, 0.9))),
]  # fmt: skip


def test_the_finding_names_the_strongest_attack_and_the_first_sensors_and_no_other() -> None:
    told = perturbation_finding(GRID, "finder")
    first, half, alone, *rest = told.replace("\N{NO-BREAK SPACE}", " ").split(". ")
    assert first.startswith("Changing rgb and depth by at most 8 gray levels (pgd) flips 80.0 %")
    assert half == "Half of them are lost at about 2.5 gray levels"
    assert alone.startswith("Changing rgb alone by at most 8 gray levels (pgd) flips 20.0 %")
    assert "depth alone" not in told
    assert "noise" not in told
    assert len(rest) == 2
    assert "60.0 %" in rest[0]
    assert "still match their owner by finder" in rest[1]
    assert perturbation_finding([], None) == ""


def test_one_set_of_sensors_is_told_once() -> None:
    assert perturbation_finding(rates("pgd", "rgb", 0.1, 0.2), None).count("Changing") == 1


def test_the_numbers_that_decide_come_first_and_none_is_lost() -> None:
    found = deciding_first(GRID)
    assert sorted(one.label for one in found) == sorted(one.label for one in GRID)
    first = [(one.name, one.value) for one in found[:8]]
    assert first[0] == ("success_rate", 0.95)  # its upper end sets the grade
    assert first[1:4] == [("success_rate", 0.2), ("success_rate", 0.4), ("success_rate", 0.8)]
    assert first[4:] == [("eps_half", 2.5), (AFTER, 0.6), (BEFORE, 0.3), (MATCHING, 0.5)]
