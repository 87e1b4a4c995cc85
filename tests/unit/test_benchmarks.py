"""Scripts of published results: a look overwrites none of them, and what is measured is what ships."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facewarden.attacks.tint import Tint
from facewarden.core.threat import ThreatModel
from facewarden.nn.displacement import inverse, sample_at, size_of
from facewarden.purifiers.puface import PuFace
from stand_ins import generator, make_faces

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the benchmarks, whose files find each other as when one of them is run."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return BENCHMARKS


@pytest.mark.parametrize(
    ("words", "folder"),
    [([], "docs/results/service"), (["--small"], "runs/service_small"), (["--out", "docs/results/../results/service"],
     "docs/results/service"), (["--small", "--out", "somewhere"], "somewhere")],
)  # fmt: skip
def test_a_look_at_the_service_is_written_beside_no_page(
    words: list[str], folder: str, scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(scripts / "service.py"))
    names = script["main"].__globals__
    for name, place in [(name, place) for name, place in names.items() if isinstance(place, Path)]:
        monkeypatch.setitem(names, name, tmp_path / place.relative_to(BENCHMARKS.parent))
    called: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: called.append(command))
    monkeypatch.setattr(sys, "argv", ["service.py", *words])
    monkeypatch.chdir(tmp_path)
    script["main"]()
    written = [Path(command[command.index("--out") + 1]) for command in called if "--out" in command]
    assert written == [tmp_path / folder / f"{name}.json" for name in ("load", "audit")]
    pages = [command for command in called if command[-1] == "--write"]
    assert len(pages) == (folder == "docs/results/service")


def test_a_look_at_the_service_beside_the_page_is_refused(
    scripts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = runpy.run_path(str(scripts / "service.py"))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it measured"))
    monkeypatch.setattr(sys, "argv", ["service.py", "--small", "--out", str(script["OUT"])])
    with pytest.raises(SystemExit):
        script["main"]()
    assert "--small is a look" in capsys.readouterr().err


def test_kinds_of_cloaks_are_measured_by_what_ships(scripts: Path) -> None:
    purifier, faces = PuFace(), make_faces(4)
    field = torch.randn(4, 6, 5, 5, generator=generator(3)).sign()
    faces = torch.cat([faces, Tint().render(faces, field, ThreatModel(norm="linf", eps=1.0))])
    restored = purifier(faces)
    script = runpy.run_path(str(scripts / "cloak_kinds.py"))
    values = purifier.statistics(faces, restored).double().numpy()  # as `Described` keeps them
    settings: dict[str, Any] = dict(purifier.card.settings)
    tables = script["Tables"](settings["kinds"], settings["suspicion"], values)
    found = tables.each(values, settings["kinds"])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, purifier.kind_likelihoods(faces, restored).double().numpy())
    np.testing.assert_array_equal(found.max(axis=1), purifier.likelihood(faces).double().numpy())
    np.testing.assert_array_equal(tables.noise(values), found[:, settings["kinds"]["names"].index("noise")])
    assert tables.alarms(values)["now"]["count"] == int((purifier.likelihood(faces) >= 0.5).sum())


def test_finished_cells_come_back_as_they_were(scripts: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [{"key": f"k{place}", "label": place % 2} for place in range(80)]
    results: dict[str, dict[str, Any]] = {
        "one": {"rows": {"test": rows}, "scores": rng.normal(size=100).astype(np.float32).tolist(), "few": [0.1, None]},
        "two": {"rows": {"test": rows}, "scores": rng.normal(size=100).tolist(), "log": [{"loss": 0.5}] * 3},
    }
    for name, result in results.items():
        folder = tmp_path / "run" / "cells" / name
        folder.mkdir(parents=True)
        (folder / "done.json").write_text(json.dumps({"name": name, "result": result}))
    (tmp_path / "run" / "cells" / "begun").mkdir()
    script = runpy.run_path(str(scripts / "plan_cells.py"))
    assert script["write_packed"](tmp_path / "run", tmp_path / "cells.json") == 2
    held = json.loads((tmp_path / "cells.json").read_text())
    assert len(held["shared"]) == 1, "rows that two cells share stand once"
    assert script["unpack"](held, tmp_path / "again") == 2
    for name, result in results.items():
        assert json.loads((tmp_path / "again" / "cells" / name / "done.json").read_text())["result"] == result
    assert script["unpack"](held, tmp_path / "again") == 0, "cells that are there stay"


def test_drawn_warps_come_with_the_moves_that_made_them(scripts: Path) -> None:
    drawn = runpy.run_path(str(scripts / "unwarp_draws.py"))["drawn"]
    crops = (make_faces(6).permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    faces = torch.from_numpy(crops).permute(0, 3, 1, 2) / 255
    seen, moves = drawn(crops, np.random.default_rng(0), natural=0.6, varied=False)
    still = size_of(moves) == 0
    assert 0 < int(still.sum()) < 6
    assert torch.equal(seen[still], faces[still])
    back = sample_at(seen, inverse(moves)) - faces
    moved = (seen - faces)[~still, :, 8:-8, 8:-8].square().mean()
    assert float(back[~still, :, 8:-8, 8:-8].square().mean()) < 0.3 * float(moved)
    for finely in (0.0, 1.0):
        first, again = (drawn(crops, np.random.default_rng(3), finely=finely) for _ in range(2))
        assert torch.equal(first[0], again[0])
        assert torch.equal(torch.round(first[0] * 255) / 255, first[0])
        assert torch.equal(first[1], drawn(crops, np.random.default_rng(3))[1])  # the moves are those of either way


def test_a_difference_between_trainings_is_as_uncertain_as_people_and_trainings_are(scripts: Path) -> None:
    difference = runpy.run_path(str(scripts / "amplification_compared.py"))["difference"]
    draws = np.random.default_rng(0)
    first = (draws.random((20, 3)) < 0.4).astype(float)
    same = difference(first, first)
    assert same.value == 0.0
    assert same.low < -0.1 < 0.1 < same.high  # twenty people without a difference exclude no small one
    trained_apart = first * [[1.0, 0.0, 1.0]]
    told = difference(first, trained_apart)
    assert told.value == pytest.approx(first[:, 1].mean() / 3)
    assert told.low < 0 < told.high  # one training of three is apart
