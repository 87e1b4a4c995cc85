"""A color picture taken once more: its light falls into a camera that is drawn at random (*simulated*)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.scene.light import Light
from facewarden.data.simulate.sensor.automatics import Automatics
from facewarden.data.simulate.sensor.camera import color_image
from facewarden.data.simulate.sensor.chain import draw_chain
from facewarden.data.simulate.sensor.random_site import random_site
from facewarden.data.simulate.species.parts.stage import decode

F32 = NDArray[np.float32]


def retaken(rng: np.random.Generator, picture: NDArray[np.uint8], *, box: F32 | None = None) -> NDArray[np.uint8]:
    """Take a picture of what a picture shows: lens, exposure, noise, white balance, image processor, JPEG.

    What is done to a picture before a camera must survive this; what is injected behind the camera need not. The
    geometry stays: no paper or screen is between the two pictures.

    Args:
        rng: draws the camera and its noise; equal generators give equal cameras.
        picture: `(h, w, 3)` uint8 sRGB.
        box: `(4,)` pixels of the face, by which the camera exposes; the whole picture by default.
    """
    height, width = picture.shape[:2]
    side = max(height, width)
    # cameras of the simulator take square frames
    square = cv2.copyMakeBorder(picture, 0, side - height, 0, side - width, cv2.BORDER_REPLICATE)
    radiance = decode(np.asarray(square, np.float32) / np.float32(255))
    site = random_site(rng, "retake")
    face = np.array([0, 0, width, height], np.float32) if box is None else np.asarray(box, np.float32)
    white = np.ones(3, np.float32)
    light = Light("normal", "indoor", np.array([0, 0, 1], np.float32), white, white * np.float32(0.3),
                  white * np.float32(0.2), 1.0, 0.3, (), 0.1, 1.0)  # fmt: skip
    automatics = Automatics(metering="face", balance=0.0, infrared=0.3)  # the picture has its white balance already
    taken, _ = color_image(
        rng, radiance, sensor=site.color, light=light, box=face, automatics=automatics, chain=draw_chain(rng).color
    )
    return np.ascontiguousarray(taken[:height, :width])
