"""Recipes are found by name or path, and one that is like another holds only what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.training.recipe_files import RecipeFiles


@pytest.fixture
def files(tmp_path: Path) -> RecipeFiles:
    folder = tmp_path / "training" / "recipes"
    folder.mkdir(parents=True)
    (folder / "base.json").write_text(json.dumps({"net": {"a": 1, "b": 2}, "training": {"rate": 1, "deep": {"x": 1}}}))
    (folder / "middle.json").write_text(json.dumps({"like": "base", "training": {"deep": {"y": 2}}}))
    return RecipeFiles(folder, what="recipe of tests", model="base", replaced=("net",))


def test_a_recipe_like_one_that_is_like_a_third_is_merged_key_by_key(files: RecipeFiles, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"like": "middle", "net": {"c": 3}, "training": {"rate": 5}}))
    assert files.read(str(own)) == {"net": {"c": 3}, "training": {"rate": 5, "deep": {"x": 1, "y": 2}}}
    assert files.read("middle")["net"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("name", ["nobody", "../recipes/base"])
def test_an_unknown_name_is_refused_with_those_that_are_known(files: RecipeFiles, name: str) -> None:
    with pytest.raises(UnknownEntryError, match=r"no recipe of tests .*known: base, middle"):
        files.read(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not a recipe of tests"),
        ("[]", "list, not a mapping"),
        ('{"like": "nobody"}', "no recipe of tests 'nobody'"),
        ('{"like": "OWN"}', "it is like itself"),
    ],
)
def test_what_is_no_recipe_is_refused_with_one_to_copy(
    files: RecipeFiles, tmp_path: Path, text: str, words: str
) -> None:
    own = tmp_path / "own.json"
    own.write_text(text.replace("OWN", str(own)))
    with pytest.raises(BadInputError, match=words) as caught:
        files.read(str(own))
    assert caught.value.hint == "copy training/recipes/base.json of the package"
