"""The sheet of purifiers: what it shows is what was computed, and whose faces it shows was asked for."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.unit.auditing.test_poisoning import setting

from facewarden.auditing.purifier_sheet import purifier_sheet
from facewarden.core.errors import ContractError
from facewarden.core.run import RunFolder
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.population import crowd_of
from facewarden.reporting.document import Figure
from facewarden.reporting.figures import draw_svg
from facewarden.reporting.plots_faces import LARGEST, picture, pixels_of


def real(tmp_path: Path):  # type: ignore[no-untyped-def]
    """The experiment on faces that are said to be photos."""
    made = setting(tmp_path / "lab")
    crowd = crowd_of(replace(made.lab.crowd.faces, simulated=False, source="photos"))
    lab = ExperimentCache(crowd, tmp_path / "other", recognizer=made.lab.recognizer, purifier=made.lab.purifier)
    return replace(made, lab=lab)


def test_the_pictures_are_the_face_the_cloak_and_what_a_purifier_makes_of_it(tmp_path: Path) -> None:
    experiment = setting(tmp_path / "lab")
    figure = purifier_sheet(experiment, RunFolder(tmp_path / "run", recipe={}), pictures="own")
    assert figure.simulated
    assert figure.data["columns"] == ["as captured", "cloaked, 10/255", "then paint"]
    faces = experiment.lab.crowd.faces
    for number, row in enumerate(figure.data["rows"]):
        before, cloaked, painted = (pixels_of(one).astype(int) for one in row["images"])
        own = faces.by_person()[f"p{number}"][0]
        assert (before == faces.crops[own]).all()
        change = np.abs(cloaked - before)
        assert 0 < change.max() <= 10
        assert len(np.unique(painted.reshape(-1, 3), axis=0)) == 1  # `Paint` makes the whole face one color


def test_photos_of_real_people_are_shown_only_where_they_were_asked_for(tmp_path: Path) -> None:
    experiment = real(tmp_path)
    run = RunFolder(tmp_path / "run", recipe={})
    drawn = purifier_sheet(experiment, run, pictures="drawn")
    own = purifier_sheet(experiment, run, pictures="own")
    crops = [face.tobytes() for face in experiment.lab.crowd.faces.crops]
    shown = {name: [pixels_of(row["images"][0]).tobytes() for row in figure.data["rows"]]
             for name, figure in (("drawn", drawn), ("own", own))}  # fmt: skip
    assert not set(shown["drawn"]) & set(crops)
    assert set(shown["own"]) <= set(crops)
    assert drawn.simulated
    assert not own.simulated
    assert "drawn by the simulator" in drawn.data["foot"]
    assert "faces of real people" in own.note
    again = purifier_sheet(real(tmp_path), RunFolder(tmp_path / "run", recipe={}, resume=True), pictures="drawn")
    assert again == drawn


def sheet(columns: int = 5) -> Figure:
    draw = np.random.default_rng(0)
    images = [picture(draw.integers(0, 256, (16, 12, 3)).astype(np.uint8)) for _ in range(columns)]
    data = {"columns": [f"column {n}" for n in range(columns)], "rows": [{"name": "person 1", "images": images}],
            "foot": "what is shown"}  # fmt: skip
    return Figure("faces", "t", data, alt="x")


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_a_sheet_keeps_every_pixel_and_nothing_from_outside(width: str) -> None:
    figure = sheet()
    svg = draw_svg(figure, width=width)  # type: ignore[arg-type]
    held = re.findall(r'xlink:href="data:image/png;base64,([^"]+)"', svg)
    assert len(held) == 5
    for text, kept in zip(held, figure.data["rows"][0]["images"], strict=True):
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            assert image.size == (12, 16)
            turned = np.asarray(image.convert("RGB"))
        same = [one for one in (turned, turned[::-1]) if (one == pixels_of(kept)).all()]
        assert same
    assert not re.search(r'href="(?!data:image/png|#)', svg)
    for name in (*figure.data["columns"], "person 1", "what is shown"):
        assert name in svg
    assert draw_svg(figure) == draw_svg(figure)


def test_what_is_no_small_picture_is_refused() -> None:
    good = sheet(1)
    large = picture(np.zeros((LARGEST + 1, 4, 3), np.uint8))
    jpeg = io.BytesIO()
    Image.new("RGB", (4, 4)).save(jpeg, format="JPEG")
    for bad in ("no base64!", "aGVsbG8=", large, base64.b64encode(jpeg.getvalue()).decode()):
        data = json.loads(json.dumps(good.data))
        data["rows"][0]["images"] = [bad]
        with pytest.raises(ContractError, match="cannot be drawn"):
            draw_svg(Figure("faces", "t", data, alt="x"))
    short = {**good.data, "columns": ["a", "b"]}
    with pytest.raises(ContractError, match="1 pictures under 2 columns"):
        draw_svg(Figure("faces", "t", short, alt="x"))
