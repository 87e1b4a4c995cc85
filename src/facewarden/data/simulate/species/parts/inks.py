"""Prints of version 2: papers and inks that near infrared sees, up to a print drawn for an infrared camera.

Read: dyes are transparent in the near infrared and carbon black is not (as in version 1); a laser printer or a press
puts black under gray parts of the picture (gray component replacement). Guessed: how much of the gray each printer
replaces, the reflectance of toned papers, and the separated print, whose black plate is the attacker's infrared photo
of the victim, which costs nothing but a second photo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from facewarden.data.simulate.person.maps import FaceMaps
from facewarden.data.simulate.scene.filters import blurred
from facewarden.data.simulate.scene.light import LUMA
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.parts.grade import grade_of
from facewarden.data.simulate.species.parts.paper import Paper, printed, sample_paper
from facewarden.data.simulate.species.parts.stage import Photo, SpeciesStage, decode, encode, photograph, skin_of

_INKS = {
    "low": {"dye": 0.2, "pigment": 0.3, "toner": 0.45, "separated": 0.05},
    "medium": {"dye": 0.05, "pigment": 0.2, "toner": 0.5, "separated": 0.25},
    "high": {"dye": 0.0, "pigment": 0.1, "toner": 0.3, "separated": 0.6},
}
_NIR = {"low": (0.68, 0.86), "medium": (0.56, 0.78), "high": (0.52, 0.68)}
_CARBON = np.float32(0.93)


@dataclass(frozen=True)
class Print:
    """A printer with its paper.

    Attributes:
        paper: what it does in color; its ink of "separated" prints is "toner".
        plate: "dye", "pigment", "toner" or "separated": what makes black, and so what infrared sees.
        gray: share of the picture's gray that is printed as carbon black.
        shift: displacement (right, down) of the black plate against color, mm.
    """

    paper: Paper
    plate: str
    gray: float
    shift: tuple[float, float]


def photograph_both(stage: SpeciesStage, maps: FaceMaps, *, flat: bool = False) -> Photo:
    """The attacker's photo with a fourth channel, the linear near-infrared picture of the same view under a flash.

    Args:
        stage, maps, flat: as of `edited_photo`.
    """
    photo = edited_photo(stage, maps, flat=flat)
    if stage.photo is not None:  # nobody took an infrared picture with it: its brightness stands in
        gray = decode(photo.image) @ LUMA
        return out_of_focus(stage, replace(photo, image=np.dstack([photo.image, gray])))
    wall = stage.pick(0.3, 0.7)
    shading = maps.normal[..., 2] if flat or stage.habits is None else np.float32(1)
    infrared = wall + (maps.nir * shading - wall) * maps.coverage
    return out_of_focus(stage, replace(photo, image=np.dstack([photo.image, np.asarray(infrared, np.float32)])))


def out_of_focus(stage: SpeciesStage, photo: Photo) -> Photo:
    """The photo with the blur of its quality."""
    grade = grade_of(stage)
    blur = stage.made(*grade.blur) / stage.made(*grade.detail)
    return replace(photo, image=blurred(photo.image, blur)) if blur > 0.25 else photo


def edited_photo(stage: SpeciesStage, maps: FaceMaps, *, flat: bool = False) -> Photo:
    """The attacker's photo, in soft or hard light, with the contrast and the brightness that the attacker gives it.

    Photos are exposed so that the face is bright; who compares the print with a face in the same light prints it
    darker. From version 3 on the shading of a picture that is laid on a relief is evened out.

    Args:
        stage: the capture.
        maps: of the person.
        flat: whether it is shown on a sheet or a panel.
    """
    evened = 0.0 if flat or stage.habits is None else stage.pick(0.75, 1.0)
    light = "strong" if stage.rng.random() < 0.35 else "normal"
    detail = stage.made(*grade_of(stage).detail)
    photo = stage.photo or photograph(stage.rng, maps, illumination=light, detail=detail, evened=evened)
    x0, y0, x1, y1 = (int(v) for v in np.clip(photo.box, 0, photo.image.shape[0]))
    middle = float(photo.image[y0:y1:3, x0:x1:3].mean())
    image = np.clip(middle + (photo.image - middle) * np.float32(stage.made(*grade_of(stage).contrast)), 0, 1)
    skin, _ = skin_of(maps)
    bright = float((decode(np.asarray(image[y0:y1:3, x0:x1:3], np.float32)) @ LUMA).mean())
    # of who is in a given photo the reflectance is not known
    share = 0.0 if stage.photo else {"low": 0.0, "medium": 0.5, "high": 0.9}[stage.quality]
    factor = (float(skin @ LUMA) * stage.pick(0.9, 1.3) / max(bright, 1e-3)) ** share
    if share:
        image = encode(decode(np.asarray(image, np.float32)) * np.float32(factor))
    return replace(photo, image=np.asarray(image, np.float32))


def sample_print(stage: SpeciesStage) -> Print:
    """The printer and the paper of a site, of its quality."""
    rng, grade = stage.maker, grade_of(stage)
    shares = _INKS[stage.quality]
    plate = str(rng.choice(list(shares), p=list(shares.values())))
    paper = sample_paper(rng, ink="toner" if plate == "separated" else plate)
    if stage.quality == "high":  # who can choose takes matt paper: gloss shows lamps and the flash
        paper = replace(paper, gloss=stage.made(0.05, 0.2))
    paper = replace(
        paper, black=stage.made(*grade.black), saturation=stage.made(*grade.saturation),
        gain=float(1 + (paper.gain - 1) * (1.2 - 0.9 * grade.infrared[1])), nir=stage.made(*_NIR[stage.quality]),
        pitch=25.4 / stage.made(*grade.lines) if paper.ink == "toner" else _dithered(stage, paper.pitch),
    )  # fmt: skip
    gray = {"dye": 0.0, "pigment": stage.made(0.2, 0.5), "toner": stage.made(0.55, 0.95), "separated": 1.0}[plate]
    shift = 0.25 * stage.pick(*grade.shift)
    turn = stage.pick(0, 2 * np.pi)
    return Print(paper, plate, gray, (shift * float(np.cos(turn)), shift * float(np.sin(turn))))


def _dithered(stage: SpeciesStage, dot: float) -> float:
    """Size (mm) of dots thrown at random that are as noisy as dots of error diffusion.

    Read: printers place dots so that their errors cancel nearby; the noise of a mean over n of them falls with n, that
    of dots at random with its root.
    """
    return dot * min(1.0, dot * stage.view.pixels_per_mm(stage.distance))


def ink_on(stage: SpeciesStage, sheet: Print, picture: F32, *, across: F32, down: F32, inked: F32) -> tuple[F32, F32]:
    """Reflectance of printed paper, in color `(h, w, 3)` and near infrared `(h, w)`.

    Args:
        stage: the capture.
        sheet: printer and paper.
        picture: `(h, w, 4)` code values of the photo and its infrared picture, as they lie on the paper.
        across, down: `(h, w)` mm on the paper.
        inked: `(h, w)` soft mask of the printed part.
    """
    codes = np.ascontiguousarray(picture[..., :3])
    color, _ = printed(stage, sheet.paper, codes, across=across, down=down, inked=inked)
    # What is gray in the picture can be printed in black alone, and no more than that without darkening it.
    room = 1 - decode(codes.max(axis=2))
    black = np.float32(sheet.gray) * room
    if sheet.plate == "separated":
        wanted = np.clip(1 - picture[..., 3] / np.float32(sheet.paper.nir), 0, 1)
        black = np.minimum(wanted, np.clip(room + np.float32(0.1), 0, 1))
        # The wrong place of the black plate shows as thin light and dark seams in color, where black has edges.
        density = stage.view.pixels_per_mm(stage.distance)
        dx, dy = (round(v * density) for v in sheet.shift)
        moved = np.roll(black, (dy, dx), (0, 1))
        color = np.clip(color * (1 + 0.6 * (black - moved))[..., None], 0, 1)
        black = moved
    fiber = 1 + np.float32(0.012) * smooth_noise(stage.rng, across.shape[0], cells=across.shape[0] // 4)
    nir = sheet.paper.nir * fiber * (1 - _CARBON * black * inked)
    return np.asarray(color, np.float32), np.asarray(nir, np.float32)
