"""Simulated captures in the layout of a published set, with its known defects, so that its reader runs offline."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core import registry
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.files import remove_stale, write_text
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.lock import hold, locking
from facewarden.core.progress import track
from facewarden.core.tasks import ATTRIBUTES
from facewarden.data.captures import capture_set, capture_sets
from facewarden.data.datasets import Dataset
from facewarden.data.datasets.parts.twins import MARK, Render, Shot, TwinFrame
from facewarden.data.depth import encode_depth
from facewarden.data.manifest import Manifest
from facewarden.data.simulate.capture import Capture, CaptureSpec, generator, make_capture
from facewarden.data.simulate.person.people import Locate, People, attacker_of
from facewarden.data.simulate.run import people_of
from facewarden.data.simulate.sensor.domains import domain
from facewarden.data.simulate.specification import Simulation

FRAMING = 0.48
_AROUND = 1.3
"""How much larger than the face box the cut-out is."""


@locking
def simulate_layout(
    out: Path,
    *,
    layout: str,
    subjects: int = 6,
    sensors: str | None = None,
    faces: Path | Dataset | None = None,
    locate: Locate | None = None,
    size: int = 112,
    seed: int = 0,
) -> Manifest:
    """Write simulated captures in a published set's layout, defects included, and read them back by its rule.

    Besides what the rule reads there are list files in `lists/`, whose defects (a row twice, a file that is not there)
    are those that readers must find.

    Args:
        out: folder to write to, new or empty.
        layout: a set of captures from `facewarden list datasets`.
        subjects: how many people, at least 3; they are assigned to train, dev and test.
        sensors: simulated site, from `facewarden.data.simulate.sensor.domains.DOMAINS`; by default the
            `twin_site` of the set.
        faces, locate: photos of people, as in `simulate`.
        size: side of the cut-out faces in pixels.
        seed: decides everything.

    Returns:
        The manifest as the set's reader gives it.

    Raises:
        BadInputError: no such layout or site, or a folder that holds something else.
    """
    if layout not in capture_sets():
        raise UnknownEntryError(f"no layout {layout!r} of captures", hint=f"one of {', '.join(capture_sets())}")
    if subjects < 3:
        raise BadInputError(f"{subjects} subjects in three splits", hint="at least 3")
    frame = max(round(size / (_AROUND * FRAMING * 1.3)), 64)
    simulation = Simulation(subjects=subjects, size=frame, framing=FRAMING, seed=seed)
    made = registry.load("datasets", layout)
    site = domain(sensors or made.twin_site).name
    people, count, _ = people_of(simulation, faces=faces, locate=locate)
    if count < 3:
        raise BadInputError(f"{count} faces could be used", hint="at least 3")
    _claim(out, {"layout": layout, "subjects": count, "sensors": site, "size": size, "seed": seed})
    render = renderer(people, site=site, population=count, size=size, frame=frame, seed=seed)
    made.twin(out, _counted(render), count).write()
    return capture_set(layout, out).manifest()


def renderer(people: People, *, site: str, population: int, size: int, frame: int, seed: int) -> Render:
    """A function that renders the face of a shot, cut out."""

    @functools.lru_cache(maxsize=16)
    def render(shot: Shot) -> TwinFrame:
        rng = generator(seed, "shot", shot.key)
        light = domain(site).illumination
        shares = np.array(list(light.values()), float)
        drawn = int(rng.choice(len(light), p=shares / shares.sum()))
        place = "outdoor" if rng.random() < domain(site).outdoor else "indoor"
        spec = CaptureSpec(
            shot.key, people.name(shot.person), shot.species, site,
            illumination=shot.illumination or list(light)[drawn], environment=shot.environment or place,
            session=shot.key.rpartition(" ")[0] or shot.key, split=shot.split, seed=seed, size=frame, framing=FRAMING,
        )  # fmt: skip
        wearer = None
        if shot.species != "bona_fide":
            attacker = attacker_of(shot.person, [], population=population)
            wearer = people.maps(attacker, key=f"attacks {shot.key}")
        return cut_out(make_capture(spec, people.maps(shot.person, key=shot.key), wearer=wearer), size=size)

    return render


def cut_out(capture: Capture, *, size: int) -> TwinFrame:
    """Cut the face out of a capture, and turn depth into a picture as sets publish it, nearer brighter."""
    x0, y0, x1, y1 = (float(value) for value in capture.box)
    half = max(x1 - x0, y1 - y0) * _AROUND / 2
    scale = size / (2 * half)
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    place = np.array([[scale, 0, size / 2 - scale * middle[0]], [0, scale, size / 2 - scale * middle[1]]])
    depth = encode_depth(capture.depth, box=(x0, y0, x1, y1)) * np.float32(255) + np.float32(0.5)

    def cut(image: NDArray[Any], method: int) -> NDArray[np.uint8]:
        moved = cv2.warpAffine(image, place, (size, size), flags=method, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        return np.asarray(moved, dtype=np.uint8)

    corners = [size / 2 + scale * (value - middle[i % 2]) for i, value in enumerate((x0, y0, x1, y1))]
    return TwinFrame(
        cut(capture.rgb, cv2.INTER_LINEAR),
        cut(depth.astype(np.uint8), cv2.INTER_NEAREST),
        cut(capture.infrared, cv2.INTER_LINEAR),
        (corners[0], corners[1], corners[2], corners[3]),
        str(capture.attributes.get("celeba", "?" * len(ATTRIBUTES))),
    )


def _counted(render: Render) -> Render:
    """The same renderer, moving the progress bar; how many frames a layout takes only its writer knows."""
    turns = iter(track(iter(int, 1), label="simulating"))

    def counted(shot: Shot) -> TwinFrame:
        next(turns)
        return render(shot)

    return counted


def _claim(out: Path, recipe: dict[str, Any]) -> None:
    hold(out)
    try:
        remove_stale(out)
        there = [path.name for path in out.iterdir() if not path.name.startswith(".")]
        card = out / "card.json"
        recipe_there = read_json_bounded(card).get("recipe") if card.is_file() else None
        if there and recipe_there != recipe:
            raise BadInputError(f"{out} holds {', '.join(sorted(there)[:4])}", hint="an empty or a new folder")
        about = {"kind": "simulated captures in a published layout", "simulated": True, "recipe": recipe}
        write_text(card, json.dumps(about, indent=2) + "\n")
        write_text(out / MARK, '{"simulated": true}\n')
    except (OSError, ValueError, AttributeError) as error:
        raise BadInputError(f"{out}: cannot be used: {error}", hint="choose a writable folder") from error
