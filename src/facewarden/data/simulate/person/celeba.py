"""CelebA's forty attributes of a rendered face: known where the renderer draws them, `?` where it cannot tell."""

from __future__ import annotations

from facewarden.core.tasks import ATTRIBUTES
from facewarden.data.simulate.person.person import Identity
from facewarden.data.simulate.person.pose import Expression

_NEVER = ("Blurry", "Heavy_Makeup", "Wearing_Earrings", "Wearing_Hat", "Wearing_Necklace", "Wearing_Necktie")
"""Drawn on nobody."""


def celeba_attributes(identity: Identity, expression: Expression) -> str:
    """Return one character per attribute in CelebA's order: 1, 0, or ? where the renderer cannot tell.

    People who annotate draw their lines by eye; here a proportion counts where it is in the upper quarter or so of the
    sampled population. `Attractive`, `Double_Chin` and `Sideburns` stay unknown.

    Args:
        identity: who was rendered.
        expression: what the face did.
    """
    shape, skin, hair = identity.shape, identity.skin, identity.hair
    bald, gray = hair.style == "bald", hair.gray > 0.45
    colored = not bald and not gray
    plain = hair.style in ("short", "side_part", "fringe", "long", "long_fringe", "tied")
    known = {
        "5_o_Clock_Shadow": hair.beard == "stubble",
        "Arched_Eyebrows": hair.brow_arch > 10.0,
        "Bags_Under_Eyes": skin.under_eye > 0.5,
        "Bald": bald,
        "Bangs": hair.style in ("fringe", "long_fringe"),
        "Big_Lips": shape.lip_upper + shape.lip_lower > 21.0,
        "Big_Nose": shape.nose_width > 38.5,
        "Black_Hair": colored and hair.eumelanin >= 0.85,
        "Blond_Hair": colored and hair.eumelanin < 0.4,
        "Brown_Hair": colored and 0.4 <= hair.eumelanin < 0.85,
        "Bushy_Eyebrows": hair.brow_thickness * (0.5 + 0.5 * hair.brow_density) > 5.5,
        "Chubby": shape.cheek_full > 1.0,
        "Eyeglasses": identity.eyes.glasses != "none",
        "Goatee": hair.beard == "goatee",
        "Gray_Hair": gray and not bald,
        "High_Cheekbones": shape.cheekbone > 5.4,
        "Male": not identity.female,
        "Mouth_Slightly_Open": expression.mouth_open > 0.15,
        "Mustache": hair.beard in ("moustache", "full"),
        "Narrow_Eyes": shape.eye_height < 9.0,
        "No_Beard": hair.beard in ("none", "moustache"),
        "Oval_Face": shape.jaw / shape.cheek < 0.77,
        "Pale_Skin": skin.melanin < 0.15,
        "Pointy_Nose": shape.tip_radius < 7.7,
        "Receding_Hairline": hair.recession > 0.3,
        "Rosy_Cheeks": skin.hemoglobin > 0.5 and skin.melanin < 0.4,
        "Smiling": expression.smile > 0.35,
        "Straight_Hair": plain and hair.curl < 0.3,
        "Wavy_Hair": hair.style == "curly" or (plain and hair.curl >= 0.5),
        "Wearing_Lipstick": identity.female and skin.lip_red > 0.75,
        "Young": skin.age < 40,
        **dict.fromkeys(_NEVER, False),
    }
    return "".join(str(int(known[name])) if name in known else "?" for name in ATTRIBUTES)
