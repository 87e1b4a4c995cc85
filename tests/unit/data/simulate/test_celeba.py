"""CelebA's attributes of rendered faces: what is drawn is told, what is not stays unknown."""

from __future__ import annotations

from dataclasses import replace

from facewarden.core.tasks import ATTRIBUTES
from facewarden.data.simulate.person.celeba import celeba_attributes
from facewarden.data.simulate.person.identity import Identity, sample_identity
from facewarden.data.simulate.person.pose import Expression


def told(identity: Identity, expression: Expression | None = None) -> dict[str, str]:
    text = celeba_attributes(identity, expression or Expression())
    assert len(text) == 40
    return dict(zip(ATTRIBUTES, text, strict=True))


def test_each_drawn_property_turns_its_attribute() -> None:
    someone = sample_identity(5)
    bald = told(replace(someone, hair=replace(someone.hair, style="bald", beard="goatee")))
    assert (bald["Bald"], bald["Goatee"], bald["No_Beard"], bald["Black_Hair"], bald["Bangs"]) == tuple("11000")
    gray = told(replace(someone, hair=replace(someone.hair, style="fringe", gray=0.9, beard="none")))
    assert (gray["Gray_Hair"], gray["Bangs"], gray["Brown_Hair"], gray["No_Beard"]) == tuple("1101")
    glasses = told(replace(someone, eyes=replace(someone.eyes, glasses="round"), female=True))
    assert (glasses["Eyeglasses"], glasses["Male"]) == ("1", "0")
    young, old = (told(replace(someone, skin=replace(someone.skin, age=age)))["Young"] for age in (25.0, 60.0))
    assert (young, old) == ("1", "0")


def test_an_expression_is_of_the_capture_and_not_of_the_person() -> None:
    someone = sample_identity(5)
    laughing = told(someone, Expression(smile=0.9, mouth_open=0.5))
    assert (laughing["Smiling"], laughing["Mouth_Slightly_Open"]) == ("1", "1")
    assert (told(someone)["Smiling"], told(someone)["Mouth_Slightly_Open"]) == ("0", "0")


def test_what_the_renderer_cannot_tell_stays_unknown_and_most_attributes_are_of_some_and_not_of_others() -> None:
    tables = [told(sample_identity(seed), Expression(smile=seed % 2, mouth_open=seed % 3 / 2)) for seed in range(200)]
    unknown = {name for name in ATTRIBUTES if tables[0][name] == "?"}
    assert unknown == {"Attractive", "Double_Chin", "Sideburns"}
    share = {name: sum(t[name] == "1" for t in tables) / len(tables) for name in ATTRIBUTES}
    vary = [name for name, value in share.items() if 0.02 < value < 0.98]
    assert len(vary) == 31, sorted(set(ATTRIBUTES) - set(vary))
    hair = [int(t["Black_Hair"]) + int(t["Blond_Hair"]) + int(t["Brown_Hair"]) + int(t["Gray_Hair"]) for t in tables]
    assert max(hair) == 1, "nobody has hair of two colors"
