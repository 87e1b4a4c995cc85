"""Bona fide variety: each subtype shows in the sensors that its matter reaches, where it is, and is written down."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from facewarden.core.labels import BONA_FIDE, SUBTYPES
from facewarden.data.simulate import Capture, CaptureSpec, make_capture
from facewarden.data.simulate.person.infrared import in_band, melanin_of
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.species.version_2.subtypes import WEAR

SIZE = 160
PEOPLE = ProceduralPeople(0, *frame_of(SIZE, 0.4))
MATTER = tuple(name for name in SUBTYPES if name not in ("plain", "heavy_makeup", "expression"))


@lru_cache(maxsize=32)
def capture(subtype: str, key: str = "k") -> Capture:
    spec = CaptureSpec(key, "p0002", "bona_fide", "birch", size=SIZE, version=2, subtype=subtype)
    return make_capture(spec, PEOPLE.maps(0, key="v", subtype=subtype))


def moved(subtype: str, key: str = "k") -> np.ndarray:
    """How much nearer (mm) each pixel is than in the plain capture of the same person and light."""
    return capture("plain", key).true_depth - capture(subtype, key).true_depth


def test_every_subtype_but_the_heads_own_is_drawn() -> None:
    assert set(WEAR) == set(SUBTYPES) - {"plain", "expression"}


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_a_subtype_is_bona_fide_and_named_in_the_attributes(subtype: str) -> None:
    found = capture(subtype)
    assert found.label == BONA_FIDE
    assert found.attributes["subtype"] == subtype
    assert "quality" not in found.attributes


@pytest.mark.parametrize("subtype", MATTER)
def test_matter_is_nearer_than_what_it_covers_and_all_three_sensors_see_it(subtype: str) -> None:
    first, worn = capture("plain"), capture(subtype)
    nearer = moved(subtype) > 0.4
    assert nearer.sum() > 40
    color = np.abs(worn.rgb.astype(float) - first.rgb.astype(float)).mean(2)
    infrared = np.abs(worn.infrared.astype(float) - first.infrared.astype(float))
    # Gain follows the scene, so that what is not covered changes a little too.
    for change in (color, infrared):
        assert change[nearer].mean() > 2 * np.median(change[~nearer]) + 2


def test_paint_and_powder_have_no_depth_and_take_gloss_away() -> None:
    powdered = [(capture("heavy_makeup", key), capture("plain", key)) for key in ("a", "b", "c")]
    for made_up, bare in powdered:
        assert np.array_equal(made_up.true_depth, bare.true_depth)
        assert np.abs(made_up.rgb.astype(float) - bare.rgb).mean() > 1
    assert np.mean([a.reflection.mean() for a, _ in powdered]) < np.mean([b.reflection.mean() for _, b in powdered])


def test_where_things_are_worn() -> None:
    marks, box = capture("plain").landmarks, capture("plain").box
    eyes, mouth = float(marks[:2, 1].mean()), float(marks[3:, 1].mean())

    def middle(subtype: str) -> tuple[float, float]:
        rows, columns = np.nonzero(moved(subtype) > 0.4)
        return float(rows.mean()), float(columns.mean())

    assert middle("hat")[0] < eyes
    assert middle("scarf")[0] > mouth
    assert eyes < middle("medical_mask")[0] < float(box[3])
    for subtype in ("phone_beside", "paper_beside"):
        assert not box[0] + 8 < middle(subtype)[1] < box[2] - 8


def test_dark_skin_is_darker_in_infrared_and_water_darkens_all_skin_at_940_nm() -> None:
    heads = [PEOPLE.maps(person, key="v") for person in range(8)]
    tones = [melanin_of(head) for head in heads]
    assert max(tones) - min(tones) > 0.25

    def level(index: int, wavelength: int) -> float:
        head = in_band(heads[index], wavelength=wavelength)
        return float(np.median(head.nir[head.regions == 1]))

    fair, dark = int(np.argmin(tones)), int(np.argmax(tones))
    assert level(dark, 850) < level(fair, 850) - 0.05
    assert level(fair, 940) < level(fair, 850) - 0.05


def test_melanin_is_read_back_from_the_color_of_the_skin() -> None:
    from facewarden.data.simulate.person.face import prepare
    from facewarden.data.simulate.person.identity import sample_identity
    from facewarden.data.simulate.person.pose import Pose

    identity = sample_identity(3)
    for melanin in (0.1, 0.4, 0.8):
        person = replace(identity, skin=replace(identity.skin, melanin=melanin, freckles=0.0, moles=0))
        maps = prepare(person, size=96, mm_per_pixel=3.6).render(pose=Pose())
        assert melanin_of(maps) == pytest.approx(melanin, abs=0.12)
