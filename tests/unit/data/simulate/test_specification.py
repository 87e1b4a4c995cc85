"""The settings of a simulation: one class, checked whoever makes it, and what recipes and plans derive from it."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from facewarden.auditing.presets import PRESETS
from facewarden.core.settings import SettingError, read_settings
from facewarden.data.simulate import Simulation, SimulationSettings
from facewarden.data.simulate.specification import SeededCaptures, SimulatedCaptures
from facewarden.training.recipe import parse_recipe
from facewarden.verbs.simulate import simulate


@pytest.mark.parametrize(
    ("change", "told"),
    [({"subjects": 0}, "subjects is 0; allowed: a whole number from 1"), ({"size": 63}, "size is 63"),
     ({"framing": 2.0}, "framing is 2.0"), ({"domains": ("adler",)}, "domains.0. is 'adler'"),
     ({"species": ("paint",)}, "species"), ({"seed": -1}, "seed is -1")],
)  # fmt: skip
def test_what_makes_no_set_is_refused_where_it_is_made(change: dict[str, object], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        Simulation(**change)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=told):
        read_settings(Simulation, {name: list(v) if isinstance(v, tuple) else v for name, v in change.items()})


@pytest.mark.parametrize(("values", "told"), [({"version": 4}, "version is 4"), ({"domains": "alder"}, "a list")])
def test_files_are_refused_for_types_too(values: dict[str, object], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        read_settings(Simulation, values)


def test_settings_with_a_seed_are_the_same_settings() -> None:
    settings = SimulatedCaptures(subjects=3, domains=("birch",), framing=0.5, maps=True, workers=7)
    seeded = settings.seeded(9)
    assert type(seeded) is Simulation
    assert seeded == Simulation(subjects=3, domains=("birch",), framing=0.5, maps=True, seed=9)
    assert {item.name for item in fields(SeededCaptures)} - {item.name for item in fields(SimulationSettings)} == {
        "seed", "faces", "workers",
    }  # fmt: skip


def test_what_is_not_said_is_decided_by_the_version() -> None:
    first, second = Simulation(), Simulation(version=2)
    assert [site.name for site in first.sites] == ["alder", "birch", "cedar", "dogwood"]
    assert {first.framing_at(site) for site in first.sites} == {0.4}
    assert [site.name for site in second.sites] == [f"site_{number:02d}" for number in range(1, 25)]
    assert len({second.framing_at(site) for site in second.sites}) == 3
    assert {replace(second, framing=0.5).framing_at(site) for site in second.sites} == {0.5}


def test_a_recipe_is_refused_before_it_is_trained() -> None:
    values = {"entry": "multi_cnn", "summary": "s", "captures": {"subjects": 4, "framing": 0.5}}
    recipe = parse_recipe(values, source="mine.json")
    assert recipe.plain()["captures"] == values["captures"]
    assert recipe.simulated == SimulatedCaptures(subjects=4, framing=0.5)
    with pytest.raises(SettingError, match=r"mine\.json: .*captures\.subject'; did you mean 'subjects'"):
        parse_recipe({**values, "captures": {"subject": 4}}, source="mine.json")
    with pytest.raises(SettingError, match=r"captures\.seed"):
        parse_recipe({**values, "captures": {"seed": 4}}, source="mine.json")


def test_presets_name_what_they_simulate() -> None:
    assert [preset.captures.subjects for preset in PRESETS.values()] == [30, 48, 160]


def test_the_verb_refuses_before_it_writes(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="captures_per_subject is 0"):
        simulate(tmp_path / "set", captures_per_subject=0)
    assert not list(tmp_path.rglob("*.csv"))
