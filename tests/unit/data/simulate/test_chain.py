"""The cameras' chain of version 2: it is the site's, holes stay holes, and fine texture of instruments is lost."""

from dataclasses import replace

import numpy as np
import pytest

from facewarden.data.simulate import CaptureSpec, Simulation, make_capture
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.plan import make_plan
from facewarden.data.simulate.run import captures_of
from facewarden.data.simulate.scene.grids import sampled, stripe
from facewarden.data.simulate.sensor.chain import DepthChain, developed, developed_infrared, draw_chain, driven
from facewarden.data.simulate.sensor.sites import dev_sites, sealed_sites
from facewarden.data.simulate.site_plan import in_turn
from facewarden.data.simulate.species import SCREENS
from facewarden.data.simulate.species.parts.stage import photograph

SITE = dev_sites()[3]


def test_sites_differ_by_their_chain_and_sealed_ones_have_one_too() -> None:
    known = dev_sites() + sealed_sites(7)
    assert len({site.chain for site in known}) == len(known)
    softness = [site.chain.color.soft for site in known]
    assert max(softness) > 2 * min(softness)
    assert all(site.color.blur == site.chain.color.defocus for site in known)


def test_color_keeps_its_level_and_loses_noise() -> None:
    rng = np.random.default_rng(0)
    chain = replace(SITE.chain.color, contrast=1.0, smooth=0.1, sharpen=0.0, chroma=2.0, soft=1.0)
    flat = np.full((112, 112, 3), 0.4, np.float32)
    noisy = flat + rng.normal(0, 0.03, flat.shape).astype(np.float32)
    out = developed(noisy, chain)
    assert developed(flat, chain) == pytest.approx(flat, abs=1e-5)
    assert out.mean() == pytest.approx(0.4, abs=0.005)
    assert out.std() < 0.6 * noisy.std()
    sharp = developed(noisy, replace(chain, smooth=0.0, sharpen=1.5, soft=0.0))
    assert sharp.std() > 1.5 * out.std()


def test_infrared_is_eight_bits_by_its_gamma() -> None:
    plain = replace(SITE.chain.infrared, soft=0.0, smooth=0.0, sharpen=0.0, gamma=0.5, local=0.0, quality=0)
    image = np.full((32, 32), 0.25, np.float32)
    assert set(np.unique(developed_infrared(image, plain))) == {128}
    steps = np.repeat(np.linspace(0.2, 0.3, 32, dtype=np.float32)[None], 32, axis=0)
    local = developed_infrared(steps, replace(plain, local=3.0)).astype(float)
    assert local.std() > developed_infrared(steps, plain).astype(float).std()


@pytest.mark.parametrize(
    "chain",
    [DepthChain(0.4, True, 1, 0.0), DepthChain(0.4, False, 1, 0.0), DepthChain(1.0, False, 3, 0.0),
     DepthChain(1.0, False, 1, 15.0)],
)  # fmt: skip
def test_depth_drivers_keep_walls_and_let_holes_give_nothing(chain: DepthChain) -> None:
    depth = np.full((64, 64), 700, np.uint16)
    depth[20:40, 20:40] = 0
    out = driven(depth, chain)
    assert set(np.unique(out)) == {0, 700}
    assert (out == 0).mean() == pytest.approx((depth == 0).mean(), abs=0.03)


def test_few_pixels_and_filters_take_noise_from_depth() -> None:
    rng = np.random.default_rng(1)
    noisy = (700 + rng.normal(0, 6, (64, 64))).astype(np.uint16)
    rough = np.abs(np.diff(noisy.astype(float), axis=1)).mean()
    for chain in (DepthChain(0.4, True, 1, 0.0), DepthChain(1.0, False, 3, 0.0), DepthChain(1.0, False, 1, 15.0)):
        assert np.abs(np.diff(driven(noisy, chain).astype(float), axis=1)).mean() < 0.7 * rough


def test_a_lens_out_of_focus_leaves_nothing_of_a_panels_pixels() -> None:
    line = np.arange(96, dtype=np.float32) * 0.9
    across, down = np.meshgrid(line, line)
    seen = [
        sampled(across, down, stripe(1), pitch=25.4 / 120, native=8.0, blur=blur, green=True).std()
        for blur in (0.4, 1.5)
    ]
    assert seen[0] > 0.02
    assert seen[1] < 0.1 * seen[0]


def test_a_photo_of_many_pixels_keeps_what_a_small_one_loses() -> None:
    maps = ProceduralPeople(0, 96, 2.0).maps(3, key="a")
    fine, coarse = (photograph(np.random.default_rng(2), maps, detail=detail).image for detail in (6.0, 1.0))
    assert np.abs(np.diff(fine, axis=1)).mean() > 1.05 * np.abs(np.diff(coarse, axis=1)).mean()


def test_names_come_in_turn_by_their_weights() -> None:
    assert in_turn(dict.fromkeys("abc", 1.0), count=6) == list("abcabc")
    found = in_turn({"a": 0.5, "b": 1.0, "c": 2.5}, count=80)
    assert [found.count(name) for name in "abc"] == [10, 20, 50]
    assert in_turn({}, count=3) == []


def test_panels_are_rare_among_replays_and_never_alone() -> None:
    for site in dev_sites():
        panels = [site.species[name] for name in SCREENS if name in site.species]
        if panels:
            assert site.species["replay_projected"] > 2 * sum(panels)


def test_who_stands_under_a_projector_faces_as_the_victim_does(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(
        version=2, subjects=1, captures_per_subject=24, size=64, seed=3, domains=("site_04",),
        species=("replay_projected", "replay_pc"),
    )  # fmt: skip
    people = ProceduralPeople(3, *frame_of(64, SITE.framing))
    asked: list[tuple[str, object]] = []
    real = ProceduralPeople.maps

    def maps(self: ProceduralPeople, index: int, *, key: str, **more: object) -> object:
        if key.startswith(("attacks", "holds")):
            asked.append((key, more.get("facing")))
        return real(self, index, key=key, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ProceduralPeople, "maps", maps)
    plan = make_plan(people, simulation)[0]
    kinds = [spec.species for spec in plan.specs if spec.species != "bona_fide"]
    assert {"replay_projected", "replay_pc"} <= set(kinds)
    list(captures_of(people, plan))
    for kind, (key, facing) in zip(kinds, asked, strict=True):
        assert (key == "holds") == (kind == "replay_pc")
        assert (facing is None) == (kind == "replay_pc")


def test_the_chain_does_not_move_the_truth() -> None:
    victim = ProceduralPeople(0, 96, 2.0).maps(3, key="a")
    spec = CaptureSpec("k", "p3", "bona_fide", SITE.name, seed=1, size=64, version=2)
    other = replace(SITE, chain=draw_chain(np.random.default_rng(9)))
    one, two = (make_capture(spec, victim, site=site) for site in (SITE, other))
    assert np.array_equal(one.true_depth, two.true_depth)
    assert not np.array_equal(one.rgb, two.rgb)
    assert not np.array_equal(one.infrared, two.infrared)
