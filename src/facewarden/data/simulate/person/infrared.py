"""Near-infrared reflectance predicted from a color photo: skin tone is normalized away, fine pigment fades."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.person.lattice import Map, Number, blur, step
from facewarden.data.simulate.person.maps import REGIONS, FaceMaps
from facewarden.data.simulate.person.skin import BARE, MELANIN

SKIN_NIR = 0.64
"""Mean reflectance of skin around 850 nm; it varies by a few hundredths with skin tone."""


def skin_color(picture: Map, *, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median linear RGB of both cheeks, halfway between each eye and its mouth corner."""
    spots = 0.5 * (landmarks[:2] + landmarks[3:])
    radius = 0.13 * float(np.linalg.norm(landmarks[1] - landmarks[0]))
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    near = np.zeros(picture.shape[:2], bool)
    for spot in spots:
        near |= np.hypot(x - spot[0], y - spot[1]) < max(radius, 1.5)
    if not near.any():
        return np.array([0.4, 0.25, 0.2], np.float32)
    return np.asarray(np.maximum(np.median(picture[near], axis=0), 0.004), np.float32)


def skin_likeness(picture: Map, *, skin: NDArray[np.float32]) -> Map:
    """How much each pixel looks like this person's skin, 0 to 1: chroma closely, brightness loosely."""
    ratio = np.log(np.maximum(picture, 0.004) / skin)
    light = ratio.mean(axis=2)
    chroma = np.linalg.norm(ratio - light[..., None], axis=2)
    dark = np.clip(-light - 0.9, 0, None)
    return np.asarray(np.exp(-0.5 * (chroma / 0.38) ** 2 - 0.5 * (dark / 0.45) ** 2), np.float32)


def predict_nir(picture: Map, *, skin: NDArray[np.float32], likeness: Map, hair: Map, clothes: Map, mm: Number) -> Map:
    """Predict reflectance around 850 nm from linear RGB.

    Skin takes the same mean whatever its tone and keeps the photo's shading through its red channel, which pigment
    touches least; moles and blotches are smoothed. Hair brightens, because melanin hardly absorbs there. Textile dyes
    say nothing about infrared, so clothes keep texture and lose color.

    Args:
        picture: `(h, w, 3)` linear RGB.
        skin: `(3,)` the person's skin color.
        likeness: `(h, w)` skin likeness.
        hair: `(h, w)` coverage of hair.
        clothes: `(h, w)` coverage of clothes.
        mm: millimeters per pixel.
    """
    red = picture[..., 0]
    smooth = cv2.bilateralFilter(red, d=0, sigmaColor=0.10, sigmaSpace=max(1.0, 2.5 / mm))
    shading = np.clip(smooth / skin[0], 0.02, 2.0)
    face = SKIN_NIR * shading ** np.float32(0.75)
    luminance = picture @ np.array([0.3, 0.5, 0.2], np.float32)
    other = 0.10 + 0.75 * luminance
    out = other + likeness * (face - other)
    # Inside the face everything that is not skin (iris, sclera, brow) still follows its own red, only softer.
    within = (1 - hair) * (1 - clothes)
    out = out + within * (1 - likeness) * (0.9 * SKIN_NIR * shading - out) * 0.7
    strand = 0.16 + 0.75 * np.sqrt(np.clip(luminance, 0, 1)) * 0.6
    out = out + hair * (1 - 0.8 * likeness) * (strand - out)
    dye = 0.30 + 0.35 * np.sqrt(np.clip(luminance, 0, 1))
    out = out + clothes * (dye - out)
    return np.asarray(np.clip(out, 0.02, 0.85), np.float32)


def hair_coverage(likeness: Map, *, model: Map, cover: Map, face: Map) -> Map:
    """Coverage of hair: inside the person, outside the model's bare face or unlike skin on its upper part."""
    beyond = cover * (1 - model)
    return np.asarray(np.clip(np.maximum(beyond, face * step(0.35 - likeness, width=0.4)), 0, 1), np.float32)


def melanin_of(maps: FaceMaps) -> float:
    """Melanin in [0, 1], as in `Skin`, read back from the red of the skin by Beer-Lambert's law."""
    skin = maps.regions[::4, ::4] == REGIONS.index("skin")
    if not skin.any():
        return 0.3
    red = float(np.median(maps.albedo[::4, ::4, 0][skin]))
    return float(np.clip(np.log(float(BARE[0]) / max(red, 1e-3)) / float(MELANIN[0]), 0, 1))


def in_band(maps: FaceMaps, *, wavelength: int) -> FaceMaps:
    """The same head with skin as dark in the sensor's infrared band as its tone and its water make it (version 2).

    Read: at 850 nm melanin still absorbs, so that dark skin returns about two thirds of what fair skin does, and water
    takes another tenth at 940 nm (Cooksey et al., Reference data set of human skin reflectance, 2017). Guessed: the
    two lines that stand for it here.

    Args:
        maps: a head whose infrared is that of version 1, nearly the same for all tones.
        wavelength: nm.
    """
    melanin = melanin_of(maps)
    level = 0.68 - 0.24 * melanin if wavelength < 900 else 0.58 - 0.17 * melanin
    skin = np.isin(maps.regions, [REGIONS.index(name) for name in ("skin", "nose", "mouth", "neck")])
    if not skin.any():
        return maps
    change = np.float32(level / max(float(np.median(maps.nir[skin])), 0.05)) - 1
    where = blur(skin.astype(np.float32), sigma=0.7)
    return replace(maps, nir=np.clip(maps.nir * (1 + change * where), 0, 1).astype(np.float32))
