"""`simulate --layout`: the verb writes a twin that the same spec reads, and refuses options a layout decides itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.data.captures import open_captures
from facewarden.verbs.simulate import simulate


def test_the_result_names_what_to_type_next(tmp_path: Path) -> None:
    found = simulate(tmp_path / "twin", layout="padisi", subjects=3, size=48, domains=("cedar",))
    assert open_captures(found.path).rows == found.manifest.rows
    assert found.manifest.simulated


@pytest.mark.parametrize("option", [{"maps": True}, {"species": ("print_flat",)}, {"domains": ("alder", "birch")}])
def test_what_a_layout_decides_cannot_be_asked_for(tmp_path: Path, option: dict[str, object]) -> None:
    with pytest.raises(BadInputError, match="a layout decides") as error:
        simulate(tmp_path / "twin", layout="wmca", **option)  # type: ignore[arg-type]
    assert "--layout with" in error.value.hint
    assert not (tmp_path / "twin").exists()


def test_splits_that_too_few_people_leave_empty_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--captures-per-subject", "1", "--size", "64", "--domains", "alder"]
    assert main(["simulate", str(tmp_path / "few"), "--subjects", "2", *sizes]) == 0
    assert "too few people for captures of test: more --subjects" in capsys.readouterr().out
    assert main(["simulate", str(tmp_path / "enough"), "--subjects", "3", *sizes]) == 0
    assert "too few" not in capsys.readouterr().out
