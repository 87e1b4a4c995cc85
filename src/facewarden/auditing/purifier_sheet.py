"""Before and after: a few faces as they are, cloaked, and after each purifier, as pictures in the report."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facewarden.auditing.poisoning import Poisoning
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.photos.aligned import AlignedFaces, purify, to_crops, to_images
from facewarden.photos.synthetic import drawn_faces
from facewarden.reporting.document import Figure
from facewarden.reporting.format import plain
from facewarden.reporting.plots_faces import picture

Shown = Literal["drawn", "own"]
PEOPLE = 2
"""People on the sheet: enough to see what a purifier does, few enough for a page that is sent by mail."""


def purifier_sheet(setting: Poisoning, run: RunFolder, *, pictures: Shown) -> Figure:
    """Show what the cloak and each purifier do to faces.

    Args:
        setting: the experiment; its cloak and its purifiers are used.
        run: keeps the pictures.
        pictures: "drawn" shows procedural people of the simulator, whoever was measured; "own" the measured photos.
    """
    faces = setting.lab.crowd.faces
    drawn, other = pictures == "drawn" or faces.simulated, pictures == "drawn" and not faces.simulated
    rows = run.stage(f"purifier-sheet-{pictures}", lambda: _rows(setting, _procedural(setting) if other else faces))
    columns = ["as captured", f"cloaked, {setting.cloak.eps:g}/255"]
    columns += [f"then {plain(name)}" for name in setting.purifiers if name != "identity"]
    who = "drawn by the simulator" if drawn else f"of {faces.source}, shown since it was asked for"
    return Figure(
        "faces",
        "A cloak before and after each purifier",
        {"columns": columns, "rows": rows, "foot": f"{len(rows)} people {who}; aligned crops of 112 pixels."},
        alt=f"Crops of {len(rows)} people: as captured, cloaked by at most {setting.cloak.eps:g} gray levels, and "
        "after each purifier. What is left of the cloak, and what the purifier takes from the face, is seen by eye.",
        note="" if drawn else "These are faces of real people: keep this report where their photos may be kept.",
        simulated=drawn,
    )


def _procedural(setting: Poisoning) -> AlignedFaces:
    return drawn_faces(people=PEOPLE, each=1, seed=derive(setting.seed, "sheet"))


def _rows(setting: Poisoning, faces: AlignedFaces) -> list[dict[str, Any]]:
    lab, found = setting.lab, []
    for number, (_, rows) in enumerate(list(faces.by_person().items())[:PEOPLE], start=1):
        before = faces.crops[rows[:1]]
        cloaked = setting.cloak.cloak(before, [faces.key[rows[0]]], recognizer=lab.recognizer, purifier=lab.purifier)
        after = [_purified(setting, name, cloaked) for name in setting.purifiers if name != "identity"]
        found.append({"name": f"person {number}", "images": [picture(one[0]) for one in (before, cloaked, *after)]})
    return found


def _purified(setting: Poisoning, name: str, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return to_crops(purify(setting.lab.purifier(name), to_images(crops)))
