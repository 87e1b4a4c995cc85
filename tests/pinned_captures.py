"""What is stored of a capture to pin it: means of blocks, which rounding hardly moves, and exact bits."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.core.labels import SPECIES_BY_VERSION, SPECIES_GROUPS, species_group
from facewarden.data.simulate import Capture, Simulation
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.plan import make_plan
from facewarden.data.simulate.run import captures_of
from facewarden.data.simulate.sensor.sites import dev_sites

BLOCK = 16


def block_means(image: NDArray[Any]) -> NDArray[np.float64]:
    """Means of blocks of 16 x 16 pixels, `(4, 4, channels)`."""
    image = image.astype(np.float64).reshape(*image.shape[:2], -1)
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    return image.reshape(rows, BLOCK, columns, BLOCK, -1).mean((1, 3))


def summary(capture: Capture) -> dict[str, Any]:
    """What is stored of a capture. Depth is averaged where it was measured: one hole more or less moves no mean."""
    spec, there = capture.spec, block_means(capture.depth > 0)
    near = np.minimum(capture.depth, 2000)
    return {
        "what": [spec.key, spec.species, spec.illumination, spec.environment, spec.session, spec.split],
        "rgb": np.round(block_means(capture.rgb), 1).ravel().tolist(),
        "infrared": np.round(block_means(capture.infrared), 1).ravel().tolist(),
        "measured": np.round(there, 2).ravel().tolist(),
        "depth": np.round(block_means(near) / np.maximum(there, 1 / BLOCK**2)).astype(int).ravel().tolist(),
        "box": np.round(capture.box, 1).tolist(),
    }


def bits(capture: Capture) -> str:
    """The first 64 bits of a hash of everything that a capture delivers."""
    found = hashlib.sha256()
    pictures = (capture.rgb, capture.depth, capture.infrared, capture.depth_picture)
    for picture in pictures:
        if picture is not None:
            found.update(np.ascontiguousarray(picture).tobytes())
    return found.hexdigest()[:16]


def machine() -> dict[str, Any]:
    """What bits depend on beside the code: libraries, and whether the processor has the instructions they choose by."""
    features = np._core._multiarray_umath.__cpu_features__  # numpy tells it nowhere else
    return {"numpy": np.__version__, "opencv": cv2.__version__, "avx512": bool(features.get("AVX512_SKX"))}


def site_captures(version: int) -> list[Capture]:
    """A bona fide capture of every site and of three sealed ones, and the attack whose species came least before.

    What no site met in the few captures that are planned here is rendered at the first site that meets it at all.
    """
    known = tuple(site.name for site in dev_sites(version))
    domains = (*known, *(f"sealed_0123abcd_{number:02d}" for number in (1, 2, 3)))
    simulation = Simulation(
        version=version, subjects=len(domains), captures_per_subject=24, size=64, seed=7, domains=domains
    )  # type: ignore[arg-type]
    people = ProceduralPeople(7, *frame_of(64, 0.5))
    met: Counter[str] = Counter()
    made: list[Capture] = []
    plans = make_plan(people, simulation)
    for plan in plans:
        living = next(spec for spec in plan.specs if spec.species == "bona_fide")
        attacks = [spec for spec in plan.specs if spec.species != "bona_fide"]
        attack = min(attacks, key=lambda spec: met[spec.species])
        met[attack.species] += 1
        made += captures_of(people, replace(plan, specs=(living, attack)))
    for species in SPECIES_BY_VERSION[version]:
        if species != "bona_fide" and not met[species]:
            place = next(number for number, site in enumerate(simulation.sites) if species in site.species)
            spec = replace(plans[place].specs[-1], key=f"rare_{species}", species=species, subtype="plain")
            made += captures_of(people, replace(plans[place], specs=(spec,)))
    return made


def told(capture: Capture) -> dict[str, Any]:
    """What is stored: means of blocks as of version 1, depth as delivered, and the bits."""
    assert capture.depth_picture is not None
    picture = np.round(block_means(capture.depth_picture), 1).ravel().tolist()
    return {**summary(capture), "depth picture": picture, "bits": bits(capture)}


def store(captures: list[Capture], path: Path) -> None:
    """Write what `told` says of captures, one a line."""
    lines = ",\n".join(json.dumps(told(capture), separators=(",", ":")) for capture in captures)
    path.write_text(f'{{"machine":{json.dumps(machine())},"captures":[\n{lines}\n]}}\n', encoding="utf-8")


def check_alike(made: list[Capture], stored: dict[str, Any]) -> None:
    """Every capture is as it was, up to rounding."""
    assert len(stored["captures"]) == len(made)
    for before, capture in zip(stored["captures"], made, strict=True):
        now = told(capture)
        assert now["what"] == before["what"]
        for name, tolerance in (("rgb", 1.5), ("infrared", 1.5), ("measured", 0.05), ("depth picture", 6.0)):
            assert now[name] == pytest.approx(before[name], abs=tolerance), (now["what"], name)
        assert now["box"] == pytest.approx(before["box"], abs=0.2)


class PinnedVersion:
    """The tests of a version with sites; a file of a version derives its own class.

    Attributes:
        version: of the simulator.
        stored_in: what `store` wrote.
    """

    version: ClassVar[int]
    stored_in: ClassVar[Path]

    @pytest.fixture(scope="class")
    @classmethod
    def made(cls) -> list[Capture]:
        return site_captures(cls.version)

    @pytest.fixture(scope="class")
    @classmethod
    def stored(cls) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(cls.stored_in.read_text(encoding="utf-8"))
        return found

    def test_every_group_of_species_and_every_site_is_pinned(self, made: list[Capture]) -> None:
        species = {capture.spec.species for capture in made}
        assert species == set(SPECIES_BY_VERSION[self.version])
        assert {species_group(name) for name in species} >= set(SPECIES_GROUPS)
        assert {capture.spec.domain for capture in made} >= {site.name for site in dev_sites(self.version)}

    def test_every_capture_is_as_it_was(self, made: list[Capture], stored: dict[str, Any]) -> None:
        check_alike(made, stored)

    def test_bits_are_the_same_where_libraries_and_instructions_are(
        self, made: list[Capture], stored: dict[str, Any]
    ) -> None:
        if machine() != stored["machine"]:
            pytest.skip(f"the bits were stored on {stored['machine']}, this is {machine()}")
        assert [bits(capture) for capture in made] == [one["bits"] for one in stored["captures"]]
