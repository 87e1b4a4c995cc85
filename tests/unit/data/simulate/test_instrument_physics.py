"""Version 2's screens, masks and partial instruments: which cause shows in which sensor."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.data.simulate import Capture, CaptureSpec, make_capture
from facewarden.data.simulate.person.maps import FaceMaps
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.scene.mirror import mirrored_room
from facewarden.data.simulate.sensor.domains import DOMAINS

SIZE = 128
PEOPLE = ProceduralPeople(0, *frame_of(SIZE, 0.4))


def heads() -> tuple[FaceMaps, FaceMaps]:
    return PEOPLE.maps(0, key="v"), PEOPLE.maps(1, key="w", facing=(0, "v"))


def present(
    species: str, victim: FaceMaps, wearer: FaceMaps, *, quality: str = "high", key: str = "k", leak: float = 0.0
) -> Capture:
    spec = CaptureSpec(key, "p0000", species, "alder", size=SIZE, version=2, quality=quality)
    site = DOMAINS["alder"]
    site = replace(site, infrared=replace(site.infrared, leak=leak))
    return make_capture(spec, victim, wearer=wearer, site=site)


def inner(found: Capture, image: NDArray[np.generic]) -> NDArray[np.float64]:
    x0, y0, x1, y1 = found.box
    mx, my = (x1 - x0) * 0.2, (y1 - y0) * 0.2
    cut = image[int(y0 + my) : int(y1 - my), int(x0 + mx) : int(x1 - mx)].astype(np.float32)
    return np.asarray(cv2.resize(cut, (40, 40), interpolation=cv2.INTER_AREA), np.float64)


def striped(head: FaceMaps) -> FaceMaps:
    """The same head with bars that show in infrared alone."""
    bars = (np.arange(head.nir.shape[0]) // 6 % 2).astype(np.float32)[:, None]
    return replace(head, nir=(head.nir * (0.4 + 0.6 * bars)).astype(np.float32))


@pytest.mark.parametrize(("species", "shows"), [("mask_transparent", True), ("mask_rigid", False)])
def test_skin_shows_in_infrared_through_a_clear_mask_and_not_through_a_hard_one(species: str, *, shows: bool) -> None:
    victim, wearer = heads()
    first, second = (present(species, victim, who) for who in (wearer, striped(wearer)))
    # Forehead and cheeks: no holes there.
    change = np.abs(inner(first, first.infrared) - inner(second, second.infrared))[30:]
    assert bool(change.mean() > 15) is shows


def test_a_clear_masks_range_is_that_of_the_skin_behind_it() -> None:
    victim, wearer = heads()
    deeper = replace(wearer, relief=wearer.relief * np.float32(0.5))
    first, second = (present("mask_transparent", victim, who, quality="low") for who in (wearer, deeper))
    assert np.abs(inner(first, first.true_depth) - inner(second, second.true_depth)).mean() < 0.2
    both = (inner(first, first.depth) > 500) & (inner(second, second.depth) > 500)
    assert np.abs(inner(first, first.depth) - inner(second, second.depth))[both].mean() > 3


def test_make_up_changes_color_more_than_infrared_and_never_the_bones() -> None:
    victim, wearer = heads()
    dark = replace(victim, albedo=(victim.albedo * np.float32(0.4)).astype(np.float32))
    flat = replace(victim, relief=(victim.relief * np.float32(0.6)).astype(np.float32))
    first, second, third = (present("partial_makeup", who, wearer) for who in (victim, dark, flat))

    def change(name: str) -> float:
        pair = [inner(one, getattr(one, name)) for one in (first, second)]
        return float(abs(pair[0].mean() - pair[1].mean()))

    assert change("rgb") > 20
    assert change("infrared") < 2
    assert np.abs(inner(first, first.true_depth) - inner(third, third.true_depth)).max() < 0.5


def test_printed_eyes_change_the_eyes_alone() -> None:
    victim, wearer = heads()
    # whatever is printed in: the picture's gray, or the victim in infrared
    dark = replace(
        victim, nir=(victim.nir * np.float32(0.2)).astype(np.float32),
        albedo=(0.8 - 0.8 * victim.albedo).astype(np.float32),
    )  # fmt: skip
    pictures = [inner(one, one.infrared) for one in (present("partial_eyes", who, wearer) for who in (victim, dark))]
    change = np.abs(pictures[0] - pictures[1])
    assert change[:20].max() > 20
    assert change[26:].max() < 8


def test_a_screen_shows_its_picture_in_infrared_only_where_the_filter_leaks() -> None:
    victim, wearer = heads()
    negative = replace(victim, albedo=(0.8 - 0.8 * victim.albedo).astype(np.float32))

    def change(leak: float) -> float:
        pair = [present("replay_phone_bright", who, wearer, leak=leak) for who in (victim, negative)]
        return float(np.abs(inner(pair[0], pair[0].infrared) - inner(pair[1], pair[1].infrared)).mean())

    assert change(0.0) < 1
    assert change(0.05) > 4


def test_better_masks_come_nearer_to_the_victims_infrared() -> None:
    victim, wearer = heads()
    spec = CaptureSpec("own", "p0000", "bona_fide", "alder", size=SIZE)
    own = make_capture(spec, victim)
    target = inner(own, own.infrared)

    def likeness(quality: str) -> float:
        found = [present("mask_rigid", victim, wearer, quality=quality, key=f"q{k}") for k in range(4)]
        return float(np.mean([np.corrcoef(inner(one, one.infrared).ravel(), target.ravel())[0, 1] for one in found]))

    assert likeness("high") > likeness("low") + 0.05


def test_metal_behind_a_screen_gives_the_room_and_matt_matter_itself() -> None:
    shape = (48, 48)
    depth = np.full(shape, 400, np.float32)
    normal = np.zeros((*shape, 3), np.float32)
    normal[..., 2] = 1

    def second(mirror: float, matter: float, lobe: float = 0.0) -> tuple[float, float]:
        found = mirrored_room(
            np.random.default_rng(0), depth, normal, toward=normal, mirror=mirror,
            matter=np.full(shape, matter, np.float32), lobe=np.full(shape, lobe, np.float32),
        )  # fmt: skip
        return float(np.median(found.share)), float(np.median(found.depth))

    assert second(0.5, 0.005)[0] > 0.3
    assert second(0.05, 0.3)[0] < 0.01
    assert second(0.5, 0.005)[1] > 400 + 150  # the mirrored wall or thing, as far behind the screen as it is before it
    assert second(0.5, 0.3, lobe=2.0)[0] == pytest.approx(0.5)  # glare: blinded


def test_a_projected_face_is_in_color_alone_and_on_the_relief_of_a_head() -> None:
    victim, wearer = heads()
    negative = replace(victim, albedo=(0.8 - 0.8 * victim.albedo).astype(np.float32))
    flat = replace(wearer, relief=(wearer.relief * np.float32(0.6)).astype(np.float32))
    first, second, third = (present("replay_projected", who, head, quality="low")
                            for who, head in ((victim, wearer), (negative, wearer), (victim, flat)))  # fmt: skip
    assert np.abs(inner(first, first.rgb.mean(2)) - inner(second, second.rgb.mean(2))).mean() > 4
    assert np.abs(first.infrared.astype(float) - second.infrared).max() <= 3  # what little of the sun is in the room
    assert np.array_equal(first.true_depth, second.true_depth)
    assert np.abs(inner(first, first.true_depth) - inner(third, third.true_depth)).max() > 4
