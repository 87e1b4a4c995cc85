"""Contact sheet of version 2: every instrument in low and high quality, every bona fide subtype, at several sites.

Run with `python benchmarks/capture_sheet.py --out docs/images/instruments.jpg`; four pictures a capture: color, exact
depth (red near, blue far), depth as the site delivers it, infrared. Procedural people; all captures are simulated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.labels import SPECIES_BY_VERSION, SUBTYPES
from facewarden.data.simulate import Capture, CaptureSpec, make_capture
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.sensor.sites import named_sites
from facewarden.data.simulate.sheet import depth_colors

SITES = ("site_04", "site_16", "site_07")
SIZE, FRAMING = 176, 0.45
Pixels = NDArray[np.uint8]


def strip(capture: Capture, side: int) -> Pixels:
    """The four pictures of a capture side by side."""
    exact = depth_colors(np.clip(capture.true_depth, 1, 60000).astype(np.uint16), capture.box, band=160.0)
    assert capture.depth_picture is not None
    gray = [np.repeat(one[..., None], 3, axis=2) for one in (capture.depth_picture, capture.infrared)]
    pictures = [capture.rgb, exact, *gray]
    return np.hstack([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in pictures]).astype(np.uint8)


def row(title: str, captures: list[Capture], side: int) -> Pixels:
    """Captures under a title."""
    pictures = np.hstack([strip(capture, side) for capture in captures])
    head = np.zeros((15, pictures.shape[1], 3), np.uint8)
    cv2.putText(head, title, (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.37, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([head, pictures])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=72)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    people = ProceduralPeople(options.seed, *frame_of(SIZE, FRAMING))
    sites = named_sites(SITES, version=2)

    def capture(place: int, species: str, *, quality: str = "medium", subtype: str = "plain") -> Capture:
        key = f"{place} {species} {quality} {subtype}"
        spec = CaptureSpec(key, f"p{place}", species, SITES[place], seed=options.seed, size=SIZE, framing=FRAMING,
                           version=2, quality=quality, subtype=subtype)  # fmt: skip
        victim = people.maps(place, key=key, subtype=subtype)
        wearer = None if species == "bona_fide" else people.maps(place + 9, key=key, facing=(place, key))
        return make_capture(spec, victim, wearer=wearer, site=sites[place])

    rows = []
    for species in SPECIES_BY_VERSION[2][1:]:
        made = [capture(place, species, quality="low" if place == 0 else "high") for place in range(3)]
        rows.append(row(f"{species}: low quality, then high quality twice (simulated)", made, options.side))
    for name in SUBTYPES:
        made = [capture(place, "bona_fide", subtype=name) for place in range(3)]
        rows.append(row(f"bona fide: {name} (simulated)", made, options.side))
    cv2.imwrite(str(options.out), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 68])


if __name__ == "__main__":
    main()
