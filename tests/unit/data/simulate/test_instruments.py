"""Instruments of version 2: registered, labeled, reproducible, and physically what they claim to be."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.core.labels import ATTACK, QUALITIES, SPECIES_BY_VERSION
from facewarden.data.simulate import Capture, CaptureSpec, make_capture
from facewarden.data.simulate.person.maps import FaceMaps
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.scene.surface import place_head, placed_landmarks
from facewarden.data.simulate.scene.view import PinholeView
from facewarden.data.simulate.sensor.domains import DOMAINS

SIZE = 128
ATTACKS = tuple(name for name in SPECIES_BY_VERSION[2] if name != "bona_fide")
PIXELS, SCALE = frame_of(SIZE, 0.4)
PEOPLE = ProceduralPeople(0, PIXELS, SCALE)


def victim() -> FaceMaps:
    return PEOPLE.maps(0, key="v")


@lru_cache(maxsize=128)
def capture(species: str, quality: str = "medium", key: str = "k", domain: str = "alder") -> Capture:
    spec = CaptureSpec(key, "p0000", species, domain, size=SIZE, version=2, quality=quality)
    return make_capture(spec, victim(), wearer=PEOPLE.maps(1, key="w", facing=(0, "v")))


@lru_cache(maxsize=8)
def living(person: int, key: str = "v") -> Capture:
    spec = CaptureSpec("living", f"p{person:04d}", "bona_fide", "alder", size=SIZE)
    return make_capture(spec, PEOPLE.maps(person, key=key, facing=(0, "v")))


def face(found: Capture, image: NDArray[np.generic], *, side: int = 48) -> NDArray[np.float64]:
    """The middle of the face box at a common size."""
    import cv2

    x0, y0, x1, y1 = found.box
    mx, my = (x1 - x0) * 0.18, (y1 - y0) * 0.18
    cut = image[int(y0 + my) : int(y1 - my), int(x0 + mx) : int(x1 - mx)].astype(np.float32)
    return np.asarray(cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA), np.float64)


def likeness(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    if min(first.std(), second.std()) < 1e-6:  # an overexposed sheet is like nothing
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("species", ATTACKS)
def test_captures_are_registered_labeled_and_say_their_quality(species: str, quality: str) -> None:
    found = capture(species, quality)
    assert found.label == ATTACK
    assert found.attributes["quality"] == quality
    assert np.isfinite(found.true_depth).all()
    assert 0 <= found.reflection.min() <= found.reflection.max() <= 1
    x0, y0, x1, y1 = found.box
    assert 0.2 * SIZE < x1 - x0 < 0.55 * SIZE
    assert ((found.landmarks >= [x0, y0]) & (found.landmarks <= [x1, y1])).all()


@pytest.mark.parametrize("species", ATTACKS)
def test_the_same_spec_gives_the_same_bits_and_version_1_has_no_such_bits(species: str) -> None:
    first = capture(species)
    again = capture.__wrapped__(species)
    for name in ("rgb", "depth", "infrared", "true_depth", "reflection"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    if species in SPECIES_BY_VERSION[1] and species.startswith("print"):
        spec = CaptureSpec("k", "p0000", species, "alder", size=SIZE)
        assert not np.array_equal(make_capture(spec, victim(), wearer=PEOPLE.maps(1, key="w")).rgb, first.rgb)


def test_a_relief_print_has_the_victims_depth_and_better_ones_more_of_it() -> None:
    keys = ("a", "b", "c", "d")
    own = face(living(0), living(0).true_depth)

    def mean(quality: str) -> float:
        found = [capture("print_relief", quality, key) for key in keys]
        return float(np.mean([likeness(own, face(one, one.true_depth)) for one in found]))

    assert mean("high") > mean("low")
    assert mean("high") > 0.9
    assert mean("low") > 0.6


@pytest.mark.parametrize(("species", "whose"), [("print_wrapped", "wearer"), ("print_relief", "victim")])
def test_whose_bones_a_print_with_relief_has(species: str, whose: str) -> None:
    def depth(**flat: bool) -> NDArray[np.float64]:
        heads = {"victim": victim(), "wearer": PEOPLE.maps(1, key="w", facing=(0, "v"))}
        for name in flat:
            heads[name] = replace(heads[name], relief=(0.6 * heads[name].relief).astype(np.float32))
        spec = CaptureSpec("b2", "p0000", species, "alder", size=SIZE, version=2, quality="high")
        found = make_capture(spec, heads["victim"], wearer=heads["wearer"])
        seen = face(found, found.true_depth)
        return seen - seen.mean()

    other = {"wearer": "victim", "victim": "wearer"}[whose]
    same = depth()
    assert np.abs(depth(**{other: True}) - same).max() < 0.5
    assert np.abs(depth(**{whose: True}) - same).max() > 4


def test_a_separated_print_looks_like_the_face_in_infrared_and_a_dye_print_like_paper() -> None:
    own = face(living(0), living(0).infrared)
    found: dict[str, list[float]] = {}
    for k in range(1, 13):  # the instruments of twelve workshops before one camera
        for quality in ("low", "high"):
            spec = CaptureSpec("n", "p0000", "print_flat", f"site_{k:02d}", size=SIZE, version=2, quality=quality)
            one = make_capture(spec, victim(), wearer=PEOPLE.maps(1, key="w", facing=(0, "v")), site=DOMAINS["alder"])
            found.setdefault(str(one.attributes["ink"]), []).append(likeness(own, face(one, one.infrared)))
    assert np.mean(found["separated"]) > 0.45
    assert np.mean(found["dye"]) < np.mean(found["separated"]) - 0.3


def test_a_site_has_its_own_printer_panel_and_mask_maker() -> None:
    for species, what in (("print_flat", "ink"), ("replay_pc", "panel"), ("mask_rigid", "material")):
        own = [capture(species, "medium", f"w{k}").attributes[what] for k in range(4)]
        assert len(set(own)) == 1
    inks = {capture("print_flat", "medium", "w", domain).attributes["ink"] for domain in DOMAINS}
    inks |= {capture("print_flat", "medium", "w", f"site_{k:02d}").attributes["ink"] for k in range(1, 7)}
    assert len(inks) > 1


def test_bent_prints_of_careful_attackers_are_folded_along_the_nose() -> None:
    found = [capture("print_bent", "high", f"f{k}") for k in range(6)]
    folded = [one for one in found if float(one.attributes["fold_mm"]) > 8]
    assert folded
    for one in folded:
        x, y = one.landmarks[2].astype(int)
        beside = one.true_depth[y - 3, [x - 5, x + 5]].mean()  # both sides: the tilt cancels
        assert beside - one.true_depth[y - 3, x] > 0.45 * float(one.attributes["fold_mm"])


def test_who_wears_a_mask_turns_like_it_and_takes_his_glasses_off() -> None:
    bespectacled = next(k for k in range(1, 40) if PEOPLE.maps(k, key="w").attributes["glasses"])
    own, posed = PEOPLE.maps(bespectacled, key="w"), PEOPLE.maps(bespectacled, key="w", facing=(0, "v"))
    assert own.attributes["glasses"]
    assert not posed.attributes["glasses"]

    def turn(maps: FaceMaps) -> float:
        """How far the tip of the nose lies beside the middle of the eyes, in eye distances."""
        eyes = maps.landmarks[:2].mean(0)
        return float((maps.landmarks[2] - eyes)[0] / np.linalg.norm(maps.landmarks[1] - maps.landmarks[0]))

    assert abs(turn(posed) - turn(victim())) < 0.08 < abs(turn(own) - turn(victim()))


def test_landmarks_are_placed_where_the_head_is_drawn() -> None:
    view = PinholeView(SIZE, 300.0)
    drawn = place_head(victim(), view, distance=520.0, center=(60.0, 66.0), roll=0.07)
    found = placed_landmarks(victim(), view, distance=520.0, center=(60.0, 66.0), roll=0.07)
    assert np.array_equal(found, drawn.landmarks)
