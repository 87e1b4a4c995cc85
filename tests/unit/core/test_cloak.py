from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facewarden.core.cloak import CloakSpecification, read_cloak
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.settings import SettingError, read_settings
from facewarden.experiments.cloaking.array_store import content_key
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.photos.cloak_attack import choose_method, method_of
from facewarden.training.pairs import CloakKind
from facewarden.training.purifier_recipe import read_purifier_recipe
from stand_ins import TinyRecognizer

KIND: dict[str, Any] = {
    "name": "lowkey_8", "attack": "lowkey", "surrogates": ["one", "two"], "eps": 8,
    "settings": {"pace": "swift", "steps": 3}, "weights": [1, 2.5], "share": 28, "region": "face",
}  # fmt: skip
RECIPES = {
    "plain": CloakRecipe("pgd", "8", ("one",)),
    "all": CloakRecipe("fawkes", "low", ("one", "two"), settings={"steps": 3}, after=("jpeg",), seed=7, scaled=False),
    "targeted": CloakRecipe("fawkes_targeted", "2.5", ("two",)),
}
KEYS = {
    "plain": "5e2d2405f09587fcf008a72c",
    "all": "61f6ab66c3a701f947034dd1",
    "targeted": "f124aa66759130c3380d1929",
}
"""Keys of cached cloaks as version 0.1 computes them: a change of one makes every cached cloak anew."""


def key_of(recipe: CloakRecipe) -> str:
    models = {"one": TinyRecognizer(), "two": TinyRecognizer()}
    return content_key(recipe.recipe(recognizer=models.__getitem__, purifier=str))


@pytest.mark.parametrize("name", RECIPES)
def test_keys_of_cached_cloaks_stay(name: str) -> None:
    assert key_of(RECIPES[name]) == KEYS[name]


def test_a_recipe_of_a_purifier_is_written_as_before(tmp_path: Path) -> None:
    short = {"name": "x", "attack": "pgd", "surrogates": ["one"], "eps": 4.5}
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"kind": "purifier", "entry": "puface", "summary": "s", "pairs": [KIND, short]}))
    written = read_purifier_recipe(str(path)).plain()
    usual = {"settings": {}, "weights": None, "share": 1.0, "region": "crop"}
    assert written["pairs"] == [{**KIND, "eps": 8.0, "weights": [1.0, 2.5], "share": 28.0}, {**short, **usual}]
    assert list(written["pairs"][0]) == list(KIND)  # `pairs.json` and runs compare these values


def test_one_grammar_reads_a_cloak() -> None:
    for text, level, settings in (
        ("lowkey", "mid", {}),
        ("lowkey:8", "8", {}),
        ('lowkey{"steps": 3}', "mid", {"steps": 3}),
        ('fawkes:high{"steps": 3}', "high", {"steps": 3}),
    ):
        found = read_cloak(CloakSpecification, text, level="mid", surrogates=("one",))
        assert found == CloakSpecification(text.partition(":")[0].partition("{")[0], level, ("one",), settings)
    recipe = read_cloak(
        CloakRecipe, {"attack": "pgd", "level": 8, "surrogates": ["two"], "seed": 3}, surrogates=("one",)
    )
    assert recipe == CloakRecipe("pgd", "8", ("two",), seed=3)


@pytest.mark.parametrize("text", ["lowkey", ":8", "lowkey:", "{}"])
def test_what_is_no_cloak_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="cloak ") as caught:
        read_cloak(CloakSpecification, text, surrogates=())
    assert "lowkey:8" in caught.value.hint


def test_every_setting_is_checked_where_the_cloak_is_built() -> None:
    assert CloakSpecification("pgd", 8.0, ("one",)).eps == 8.0
    with pytest.raises(SettingError, match="did you mean 'steps'") as caught:
        CloakSpecification("pgd", "8", ("one",), {"stepz": 2}).build()
    assert caught.value.at == ("settings", "stepz")
    with pytest.raises(UnknownEntryError, match="pgd"):
        CloakSpecification("pdg", "8", ("one",)).build()
    for level in ("very", "0", "300", 0.0):
        with pytest.raises(BadInputError):
            CloakSpecification("pgd", level, ("one",)).build()
    with pytest.raises(BadInputError, match="surrogates"):
        CloakSpecification("pgd", "8", ("one", "one"))


def test_a_level_brings_settings_unless_the_kind_of_cloak_states_them_all() -> None:
    values = {"name": "x", "attack": "lowkey", "surrogates": ["one"], "eps": 8}
    attack: Any = read_settings(CloakKind, values).build()[0]
    assert attack.pace == "published"  # the attack's own default
    cloak: Any = CloakSpecification("lowkey", "8", ("one",)).build()[0]
    assert cloak.pace == "swift"  # what a level means to the attack
    with pytest.raises(SettingError, match="level"):
        read_settings(CloakKind, {**values, "level": 8})
    with pytest.raises(SettingError, match="eps is 300; allowed: low, mid or high or a number above 0 to 255"):
        read_settings(CloakKind, {**values, "eps": 300})


def test_a_method_is_named_with_its_settings() -> None:
    made = choose_method('lowkey{"steps": 3}', strength="high", eps=None, thorough=False)
    assert (made.attack.steps, made.eps) == (3, 16.0)  # type: ignore[attr-defined]
    assert choose_method("fawkes", strength="low", eps=5.0, thorough=False).eps == 5.0
    assert method_of(CloakSpecification("fawkes", "low", ())).attack.mode == "low"  # type: ignore[attr-defined]
